export { Capability, capabilitiesOf, capabilityTag, withCapabilities } from "./capabilities.ts";
export { ExtendedSerf } from "./extended-serf.ts";
export type { ExtendedEvent, ExtendedOptions, ExtensionDropReason, ExtensionSettings } from "./types.ts";
