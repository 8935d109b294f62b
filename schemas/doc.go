// Package schemas is the vocabulary of Portcullis: the records of protocol
// portcullis.v1, the subjects that they travel on, their size limits, and the
// strict decoding that every reader uses.
//
// Records are protobuf messages (schemas/portcullis/v1) whose rules live in the
// schema (protovalidate). Each travels in an Envelope. Kinds is the one table
// that ties a kind of record to its payload type, its subject and the roles
// that may write it; broker permissions, the followers' noise rule and the
// AsyncAPI document (asyncapi.yaml) are all derived from it.
//
//go:generate go run ./internal/asyncapigen asyncapi.yaml
package schemas
