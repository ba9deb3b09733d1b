// @ts-check
/** Loaded into each agent of the demo: ends it when the demo is gone, however that went. */
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
process.channel?.unref();
