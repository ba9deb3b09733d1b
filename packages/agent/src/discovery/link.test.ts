/** Real sockets, on the loopback interface; between machines they meet in the interop suites. */
import { networkInterfaces } from "node:os";
import { afterEach, expect, test } from "vitest";
import { type Link, openMulticastLink, type Sender } from "./link.ts";

const loopback = Object.entries(networkInterfaces()).find(([, all]) =>
  all?.some(({ internal, family }) => internal && family === "IPv4"),
)?.[0];

const links: Link[] = [];
afterEach(async () => {
  await Promise.all(links.splice(0).map((link) => link.close()));
});

async function open(interfaceName: string) {
  const heard: { text: string; from: Sender }[] = [];
  const problems: string[] = [];
  const link = await openMulticastLink({
    family: 4,
    interfaceName,
    receive: (bytes, from) => heard.push({ text: Buffer.from(bytes).toString(), from }),
    onProblem: (problem) => problems.push(problem),
  });
  links.push(link);
  return { link, heard, problems };
}

/** Others on this machine may talk of their own things meanwhile. */
const mark = `hearsay-${process.pid}`;

test.skipIf(loopback === undefined)(
  "all who listen on one machine hear a question; the answer is for the asker",
  async () => {
    const one = await open(loopback!);
    const two = await open(loopback!);
    const questions = ({ heard }: typeof one) => heard.filter(({ text }) => text === `${mark} who?`);
    const answers = ({ heard }: typeof one) => heard.filter(({ text }) => text === `${mark} me`);
    // At once, though its socket may not be bound yet.
    one.link.ask(Buffer.from(`${mark} who?`));
    await expect.poll(() => [one, two].map((each) => questions(each).length)).toEqual([1, 1]);
    const asker = questions(two)[0]!.from;
    expect(asker.port).not.toBe(5353);
    two.link.answer(Buffer.from(`${mark} me`), asker);
    await expect.poll(() => answers(one)).toMatchObject([{ from: { port: 5353 } }]);
    expect(answers(two)).toEqual([]);

    // Nothing has changed, so nothing is asked again.
    one.link.refresh();
    two.link.ask(Buffer.from(`${mark} end`));
    await expect.poll(() => one.heard.some(({ text }) => text === `${mark} end`)).toBe(true);
    expect(questions(two)).toHaveLength(1);
    await one.link.close();
    await one.link.close();
    one.link.answer(Buffer.from("late"), asker);
    one.link.refresh();
    expect([...one.problems, ...two.problems]).toEqual([]);
  },
);

test("an interface that does not exist", async () => {
  await expect(open("none0")).rejects.toThrow("no interface takes part in multicast");
});
