import type { EventEmitter } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';

/** What is proxied unless `routes` says otherwise: `/api/extract`, `/api/deepfake`, `/health`. */
export const DEFAULT_ROUTES: readonly string[];

/** A sidecar that is not started yet. Throws a `TypeError` for options that cannot be. */
export function createSidecar(options?: SidecarOptions): Sidecar;

export interface ProxyOptions {
  /** Path prefixes that go to the sidecar, on whole segments; `'/'` means every path. Default: `DEFAULT_ROUTES`. */
  routes?: readonly string[];
  /** How long a request waits while the sidecar starts, in ms. Default: PROXY_START_WAIT, else 0. */
  startWaitMs?: number;
  /** Largest request body in bytes, null for no limit. Default: EXTRACT_MAX_MB, else 2 GiB. */
  maxBodyBytes?: number | null;
  timeouts?: Timeouts;
  /** Idle connections kept for one sidecar. Default: 128. */
  poolSize?: number;
  /**
   * Peers whose X-Forwarded-* are believed: addresses, networks (`'10.0.0.0/8'`), `'unix'` for peers without an
   * address, `'*'` for all. Default: none.
   */
  trusted?: readonly string[];
  /** Headers added to every proxied request; a client's own of such a name is dropped. */
  headers?:
    | Readonly<Record<string, string>>
    | ((req: IncomingMessage) => Readonly<Record<string, string>> | undefined);
  /** Gets one event for each proxied request when it has ended. */
  onRequest?: (event: RequestEvent) => void;
}

export interface SidecarOptions extends ProxyOptions {
  /**
   * The program `mediabridge`, or it with its first arguments. Default: MEDIABRIDGE_COMMAND, else `mediabridge` on PATH,
   * else `.venv/bin/mediabridge` in `cwd`.
   */
  command?: string | readonly string[];
  /** More arguments for `mediabridge supervise`. */
  args?: readonly string[];
  /** Added to the environment of the child: every setting of mediabridge is one. */
  env?: Readonly<Record<string, string>>;
  /** Working folder of the child, where `mediabridge.toml` is looked for. Default: the process's. */
  cwd?: string;
  /** Port of the sidecar. Default: FLASK_PORT or FLASK_SOCKET, else any free one. */
  port?: number;
  /** From `stop()` to kill, in ms. Default: FLASK_SHUTDOWN_TIMEOUT and 7 s. */
  stopTimeoutMs?: number;
  /**
   * A sidecar that somebody else runs (`http://host:port` or `unix:path`): none is started then. Default: SIDECAR_URL,
   * which `mediabridge dev -- COMMAND` sets, unless `command` is given.
   */
  url?: string;
  /** What that sidecar wants in X-Mediabridge-Token. Default: SIDECAR_TOKEN. */
  token?: string;
  /** Gets every line of the log, without its end. Default: standard error. */
  onLog?: (line: string) => void;
}

/** All in ms. */
export interface Timeouts {
  /** To open a connection to the sidecar. Default: 5,000. */
  connectMs?: number;
  /** To wait for the sidecar's `100 Continue` before the body is sent anyway. Default: 1,000. */
  continueMs?: number;
  /** From the end of the request to the head of the response. Default: EXTRACT_TIMEOUT (180 s) and 15 s. */
  firstByteMs?: number;
  /** Silence of the sidecar in the middle of a body, either way. Default: 190,000. */
  idleMs?: number;
  /** Silence of the client in the middle of its upload. Default: 60,000. */
  clientIdleMs?: number;
  /** Age of an idle connection that may still be used. Default: 30,000. */
  poolIdleMs?: number;
}

export type Middleware = (
  req: IncomingMessage & { originalUrl?: string },
  res: ServerResponse,
  next: (error?: unknown) => void,
) => void;

export type Handler = (req: IncomingMessage, res: ServerResponse) => void;

export interface Sidecar extends EventEmitter {
  /** Resolves when the sidecar is ready; rejects with a `SidecarError` when it does not become ready. */
  start(): Promise<this>;
  /** Ends the sidecar with all that it has started. Resolves when it is gone. */
  stop(): Promise<void>;
  /** Replaces the sidecar's process by a new one without losing a request. */
  reload(): void;
  /** Calls `stop()` when the server has closed. Gives back how to undo it. */
  stopWithServer(server: EventEmitter): () => void;
  /** The newest snapshot. */
  status(): SidecarStatus;
  readonly isReady: boolean;
  /** Where the first ready sidecar listens, null while there is none. */
  readonly url: string | null;
  /** For `app.use()`: proxies what is the sidecar's, passes on the rest. */
  middleware(): Middleware;
  /** For `http.createServer()`: what is the sidecar's goes to it, the rest to `app`; without one it is a JSON 404. */
  handler(app?: (req: any, res: any) => unknown): Handler;
  /** Installs on a server what a middleware cannot do. Gives back how to undo it. */
  attach(server: Server): () => void;
  /**
   * What was counted of the proxied requests, in the text format of Prometheus: serve it as `text/plain; version=0.0.4`.
   * The names are those of the Python host.
   */
  metrics(): string;
  [Symbol.asyncDispose](): Promise<void>;

  on<E extends keyof SidecarEvents>(event: E, listener: (detail: SidecarEvents[E]) => void): this;
  once<E extends keyof SidecarEvents>(event: E, listener: (detail: SidecarEvents[E]) => void): this;
  off<E extends keyof SidecarEvents>(event: E, listener: (detail: SidecarEvents[E]) => void): this;
}

export interface SidecarEvents {
  starting: SidecarEvent;
  ready: SidecarEvent;
  unhealthy: SidecarEvent;
  exited: SidecarEvent;
  restarting: SidecarEvent;
  failed: SidecarEvent;
  stopping: SidecarEvent;
  stopped: SidecarEvent;
  /** Everything that the supervisor tells, the above included. */
  event: SidecarEvent;
  /** A line of the log. */
  log: string;
}

/** What `mediabridge supervise` said. Which fields there are depends on the event. */
export interface SidecarEvent {
  event: string;
  replica?: string;
  pid?: number | null;
  words?: string;
  failure?: SidecarFailure | null;
  status?: SidecarStatus;
}

export type SidecarState = 'stopped' | 'starting' | 'ready' | 'unhealthy' | 'backoff' | 'stopping' | 'failed';

export type WhyNotReady =
  | 'not_started'
  | 'starting'
  | 'unhealthy'
  | 'restarting'
  | 'stopping'
  | 'stopped'
  | 'start_failed'
  | 'exited'
  | 'gave_up';

/** Times are RFC 3339 in UTC. `why` is null exactly when the sidecar is ready. */
export interface SidecarStatus extends ProcessStatus {
  state: SidecarState;
  why: WhyNotReady | null;
  retryAfterSeconds: number | null;
  failure: SidecarFailure | null;
  replicas: (ProcessStatus & { name: string; state: SidecarState })[];
}

export interface ProcessStatus {
  pid: number | null;
  startedAt: string | null;
  lastHealthCheckAt: string | null;
  restarts: number;
  lastExit: ExitStatus | null;
  rssBytes: number | null;
}

export interface ExitStatus {
  code: number | null;
  signal: string | null;
}

/** A failure in a person's words: what happened, what to do next, and the evidence. */
export interface SidecarFailure {
  kind: string;
  error: string;
  message: string;
  suggestion: string;
  permanent: boolean;
  exit: ExitStatus | null;
  stderrHead: string;
  stderrTail: string;
}

export type SidecarErrorCode = 'command_not_found' | 'start_failed' | 'stopped';

export class SidecarError extends Error {
  private constructor();
  readonly name: 'SidecarError';
  readonly code: SidecarErrorCode;
  /** What to do next. */
  readonly suggestion: string;
  readonly failure: SidecarFailure | null;
}

export type Outcome =
  | 'ok'
  | 'not_ready'
  | 'refused'
  | 'too_large'
  | 'client_gone'
  | 'client_too_slow'
  | 'unreachable'
  | 'upstream_failed'
  | 'upstream_timeout'
  | 'server_error';

/**
 * A proxied request that has ended. `status` is what the client was sent, 499 when it left before; `aborted`: the
 * response had begun and was cut off. `firstByteMs`: to the head of the sidecar's response, null without one.
 */
export interface RequestEvent {
  method: string;
  path: string;
  route: string;
  status: number;
  outcome: Outcome;
  aborted: boolean;
  bytesIn: number;
  bytesOut: number;
  firstByteMs: number | null;
  totalMs: number;
  requestId: string;
  message: string;
}
