// Package inorder uses every processor where the result is a matter of order: a
// function that looks at one item alone runs for many items at once, ahead of the
// one that takes the results one after the other.
//
// Followers of a ledger check signatures so and fold in order; so does whoever
// reads an export. [Slice] is for items that are at hand, [Stream] for more than
// fit into memory.
package inorder
