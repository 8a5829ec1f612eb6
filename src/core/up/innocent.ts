import type { ErrorCode } from '../../protocol/errors.ts'

/**
 * Errors that a well-behaved client can meet, so they never count as a flood. BUSY: pausing its socket bounds them.
 * UNKNOWN: its connection was lost. STALE and OUT_OF_ORDER: it resends inputs that may not have arrived, or sends
 * further ones after an input that did not.
 */
export const innocent: ReadonlySet<ErrorCode> = new Set(['BUSY', 'UNKNOWN', 'STALE', 'OUT_OF_ORDER'])

/** Errors about an input's seq: the NACK names the last seq answered. */
export const ofTheNumber: ReadonlySet<ErrorCode> = new Set(['STALE', 'LIMIT', 'OUT_OF_ORDER'])
