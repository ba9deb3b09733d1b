// Three nodes in one process; one dies without a word, and the others find out and say why.
//
//     npm run build && node examples/quickstart.mjs
//
// In real life each node is a process of its own, on a machine of its own, with `bind: "0.0.0.0:7946"`.
import { createNode } from "hearsay";

// The `local` profile is quick to notice, for one machine; leave it out on a network.
const common = { bind: "127.0.0.1:0", profile: "local" };

const web1 = await createNode({ ...common, name: "web-1", tags: { role: "web" } });
const seeds = [`127.0.0.1:${web1.port}`];
const web2 = await createNode({ ...common, name: "web-2", tags: { role: "web" }, seeds });
const db = await createNode({ ...common, name: "db", tags: { role: "db" }, seeds });

while (web2.members().length < 3) await new Promise((resolve) => setTimeout(resolve, 10));
for (const { name, address, port, status, tags } of web2.members()) {
  console.log(`${name.padEnd(6)} ${address}:${port}  ${status}  role=${tags.role}`);
}

console.log("\ndb dies …");
const failed = new Promise((resolve) => web1.once("member-failed", resolve));
web1.on("member-suspect", (member) => console.log(`web-1 suspects ${member.name}`));
await db.close();

const member = await failed;
console.log(`web-1 says ${member.name} is ${member.status}. Why?\n  ${web1.why("db")?.summary}`);

const left = new Promise((resolve) => web1.once("member-leave", resolve));
await web2.leave();
await left;
console.log(`\nweb-2 said goodbye: ${web1.member("web-2").status}`);
await web1.close();
