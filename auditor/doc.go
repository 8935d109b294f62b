// Package auditor audits a ledger while it grows: it derives every verdict again,
// judges every claim and outcome (core/audit), and says in its heartbeats what it
// found. Sentinels trip on a verdict that is not the one that the records give
// (replay.mismatch), also where their release does not make them derive verdicts
// themselves.
//
// It reads the ledger from its first record at each start: a verdict rests on all
// that came before it. What governors knew of when they resumed, it reports no
// more.
package auditor
