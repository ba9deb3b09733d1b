/**
 * Runs a generator in slices, with the event loop turning in between: signals are heard, so that Ctrl-C ends a run within
 * moments and what it has measured by then is kept.
 */
import type { Progress } from "@hearsay/sim";
import type { SignalWord } from "../signals.ts";
import { Signals } from "../signals.ts";
import type { ProgressLine } from "./progress.ts";

/** Between two turns of the event loop: ms. */
const sliceMs = 50;

/** As a shell reports a program that a signal ended. */
const exitCodes: Readonly<Record<SignalWord, number>> = { hangup: 129, interrupt: 130, terminated: 143 };

/** Undefined when it ran to its end; else the exit code for what ended it. */
export async function drive(
  run: Generator<Progress, void, void>,
  line: ProgressLine,
  now: () => number,
): Promise<number | undefined> {
  using signals = new Signals();
  let caught: SignalWord | undefined;
  void signals.next().then((word) => {
    caught = word;
  });
  try {
    for (;;) {
      const sliceEnd = now() + sliceMs;
      let progress: Progress;
      do {
        const step = run.next();
        if (step.done) return undefined;
        progress = step.value;
      } while (now() < sliceEnd);
      line.show(progress);
      await new Promise(setImmediate);
      if (caught !== undefined) return exitCodes[caught];
    }
  } finally {
    line.clear();
    // Ends it where it stands; what it cleans up on the way out still counts.
    run.return();
  }
}
