// One implementation for both kinds of module: two would be two pools, and two classes of SidecarError.
import mediabridge from './lib/index.js';

export const { DEFAULT_ROUTES, SidecarError, createSidecar } = mediabridge;
