import type { ProxyOptions, Sidecar, SidecarStatus } from './index.js';

export type FakeSidecarOptions = ProxyOptions;

/** A sidecar without any Python. It is starting until the test says otherwise. */
export function createFakeSidecar(options?: FakeSidecarOptions): FakeSidecar;

export interface FakeSidecar extends Sidecar {
  /** From now on requests go there; several URLs are replicas. */
  beReady(urls: string | readonly string[], token?: string): void;
  /** From now on requests get 503, in the words of this status. */
  beAway(status?: Partial<SidecarStatus>): void;
  /** What would have been written to the log. */
  readonly problems: unknown[];
}
