'use strict';

const { SidecarError } = require('./errors');
const { DEFAULT_ROUTES } = require('./options');
const { createSidecar } = require('./sidecar');

module.exports = { DEFAULT_ROUTES, SidecarError, createSidecar };
