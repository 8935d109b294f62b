// Package fabric keeps a trust domain on disk: keys, the local issuer, what each
// participant must know, the readable source of the release, and the signed
// governance records that begin a ledger.
//
//	DATA/                                   0700
//	  fabric.json                           what identifies the trust domain
//	  governors/<name>/                     signing.pem nats.nk nats.pub
//	  issuer/                               ca.pem ca.key: stands in for SPIRE
//	  participants/<role>/<name>/           signing.pem svid.pem svid.key nats.nk nats.pub bundle.json;
//	                                        of a recorder log.keys too
//	  release/                              release.yaml directory.yaml tools.yaml limits.yaml policies/ tests/
//	  records/0001-genesis.binpb …          governance envelopes, in the order of the ledger
//	  carried/                              what a sealed ledger before this one held against somebody
//	  evidence.yaml recorder/<name>/        whom recorders ask for cosignatures; their trees
//	  sealed.checkpoint                     the last checkpoint of a sealed ledger
//	  server/ files/ run/                   of the broker, the file tool, running services
//
// A participant's folder is all that it needs, here or on another machine:
// whatever bundle.json does not say it learns from the ledger.
//
// A release that several governors sign travels between them as a Plan, a file of
// its own, and joins the records when the ledger has it.
//
// Nothing here is half-made after a crash: folders are built beside their place
// and renamed into it, files are replaced whole, and every write is synced.
// Secrets are refused when they are symbolic links, another user's, or open to
// group or others.
//
// The package speaks to no broker: whoever calls it appends the records.
package fabric
