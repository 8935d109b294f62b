// Package story tells what Portcullis is for, with real processes and real
// effects: an agent does what it may, asks for what it may not, and somebody
// tries each way around the rules. Every step checks the ledger and the world,
// and the story fails when anything is not as told.
package story
