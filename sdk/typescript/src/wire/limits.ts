/** Size limits in bytes, unless said otherwise: those of schemas/limits.go. */
export const MAX_ENVELOPE = (1 << 20) + (64 << 10);
export const MAX_PAYLOAD = 1 << 20;
export const MAX_ITEMS = 512; // of a list
export const MAX_INTENT = 64 << 10;
export const MAX_ITEM = 64 << 10; // one decision, claim or outcome
