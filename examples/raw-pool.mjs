// A raw memberlist pool, without Serf's layer: own meta, own messages, own state. Here a set of silences, such as an
// alerting system shares: each is gossiped when it is made, and push/pull brings newcomers up to date.
//
//     npm run build && node examples/raw-pool.mjs
import { createMemberlist } from "hearsay";

const encode = (value) => new TextEncoder().encode(JSON.stringify(value));
const decode = (bytes) => JSON.parse(new TextDecoder().decode(bytes));

/** A replica: merging is idempotent and takes any order, because gossip repeats itself and overtakes. */
class Silences {
  #byId = new Map();
  #node;

  async start(options) {
    this.#node = await createMemberlist({
      bind: "127.0.0.1:0",
      profile: "local",
      meta: encode({ version: "1.0" }),
      delegate: {
        onMessage: (payload) => this.#merge([decode(payload)], true),
        localState: () => encode([...this.#byId.values()]),
        mergeRemoteState: (state) => this.#merge(decode(state), false),
      },
      ...options,
    });
    return this.#node;
  }

  add(silence) {
    this.#merge([silence], true);
  }

  list() {
    return [...this.#byId.keys()].sort();
  }

  /** memberlist does not pass gossip on by itself: whoever hears something new tells others. */
  #merge(silences, passOn) {
    for (const silence of silences) {
      const known = this.#byId.get(silence.id);
      if (known && known.version >= silence.version) continue;
      this.#byId.set(silence.id, silence);
      if (passOn) this.#node.broadcast(encode(silence));
    }
  }
}

const [a, b, c] = [new Silences(), new Silences(), new Silences()];
const first = await a.start({ name: "alert-1" });
const seeds = [`127.0.0.1:${first.port}`];
const second = await b.start({ name: "alert-2", seeds });

a.add({ id: "disk-full", version: 1, until: "tomorrow" });
b.add({ id: "maintenance", version: 1, until: "18:00" });
await until(() => a.list().length === 2 && b.list().length === 2);
console.log("by gossip:   ", b.list().join(", "));

const third = await c.start({ name: "alert-3", seeds });
await until(() => c.list().length === 2);
console.log("by push/pull:", c.list().join(", "));
console.log(
  "members:     ",
  third
    .members()
    .map(({ name, meta }) => `${name} ${decode(meta).version}`)
    .join(", "),
);

await Promise.all([first, second, third].map((node) => node.leave()));

async function until(condition) {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}
