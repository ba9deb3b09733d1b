import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const packages = fileURLToPath(new URL("./packages/", import.meta.url));

export default defineConfig({
  resolve: {
    // Tests read the sources, so a failing line points at TypeScript and no build is needed between edit and run.
    alias: [
      { find: /^@hearsay\/([a-z]+)$/, replacement: `${packages}$1/src/index.ts` },
      { find: /^hearsay$/, replacement: `${packages}hearsay/src/index.ts` },
    ],
  },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["packages/*/src/**/*.test.ts", "tests/**/*.test.ts"],
          testTimeout: 30_000,
          // Vitest's own choice leaves one core idle: on two cores that is one worker.
          maxWorkers: Math.max(2, availableParallelism() - 1),
        },
      },
      {
        extends: true,
        test: {
          name: "interop",
          include: ["interop/**/*.test.ts"],
          testTimeout: 180_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
      // Minutes each; by hand: npm test -- --project long
      { extends: true, test: { name: "long", include: ["interop/long/*.ts"], testTimeout: 1_200_000 } },
    ],
  },
});
