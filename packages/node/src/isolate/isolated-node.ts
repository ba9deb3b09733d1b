import type { HearsayNode, Logger } from "../api.ts";
import type { NodeSettings } from "../options.ts";

export class IsolatedNode {
  static start(
    _s: NodeSettings,
    _c: { logger?: Logger | undefined; signal?: AbortSignal | undefined },
  ): Promise<HearsayNode> {
    throw new Error("not yet");
  }
}
