// Package streams is Portcullis' adapter to NATS JetStream, and the only
// package that knows it. It stores records in a zone's ledger, follows the
// ledger in order, and makes the broker enforce who may write and read what.
//
// # The way of a record
//
// An agent calls [Conn.Append] with the bytes of an envelope and the subject
// fabric.<zone>.intent.<agent>. Its connection is authenticated by an NKey and
// lives in a NATS account of its own; that account imports exactly the
// subjects of the table in rights.go. The import carries the record into the
// account FABRIC, where alone streams exist. The stream LEDGER_<zone> gives it
// the next position, writes it to the disk, acknowledges it (the answer comes
// back to the agent's own account and nowhere else), and announces it on
// live.fabric.<zone>.….
//
// A follower ([Follow]) takes announcements as long as each continues the
// position before it. Announcements may be lost; positions cannot be: at the
// start, at a gap, after a reconnect, and once a second while nothing comes, it
// reads the stream by position (JetStream's direct get, in batches) and begins
// with the record that it read last, to see that the stream is still the same.
// So every follower delivers every record once, in one order.
//
// # Why there are no consumers
//
// JetStream's consumers would need rights (to create them, to fetch, to
// acknowledge) that let one participant redirect another's records. Reading by
// position needs one request subject whose answers the broker delivers to the
// asking account only. A zone's streams therefore have no consumer at all.
//
// # What a publisher can forge
//
// Everything in its record, message headers included. The broker writes
// position, time and subject into headers behind the publisher's, and a
// publisher can hide them from every client by ending the header block early.
// header.go accepts a header block only if its size proves that the broker
// alone wrote it; any other record is marked [Raw.Foreign] and is noise. The
// rule depends on the stored bytes alone, so all readers agree.
//
// # What an error of Append means
//
// [ErrRefused]: it is not stored and never will be. [ErrUnreachable]: it is
// not stored now. [ErrUnknown]: only the ledger tells. Nothing is sent twice:
// whoever wants to try again reads first. Message ids are not used, so nobody
// can squat one.
//
// # Servers
//
// [StartServer] runs a server in this process from the text of [Config]; an
// operator can run the same text in a server of their own and call
// [Conn.Ensure] with an administrator's key. [Conn.VerifySync] asks the
// servers whether they acknowledge only what is on the disk; without a yes no
// service may arm, unless relaxed mode was asked for by name.
//
// # Clusters
//
// A ledger may stand on three servers. An acknowledgement comes from the stream's
// leader when two of them have the record; it is the only proof that one is stored,
// and a leader without a majority gives none. Reads by position are answered by
// whichever replica is near, and a replica may lag. So what a replica has is
// believed, and what it lacks is not, before the stream's leader has said where the
// stream ends (leader.go, lag.go): a follower has caught up only when it has
// delivered as much as the leader had, a record is missing only when the leader
// lacks it too, and a read through a filter ends only when one replica has said at
// once that it has the whole range and nothing more in it.
package streams
