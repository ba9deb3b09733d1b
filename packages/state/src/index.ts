export { type HeartbeatOutcome, type PhiChange, PhiDetector, type PhiInspection } from "./phi.ts";
export { type PhiSettings, phiDefaults } from "./phi-config.ts";
export { deviationsForPhi, type PhiModel, phiOfExponential, phiOfNormal } from "./phi-tail.ts";
