package streams

import (
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/portcullis-dev/portcullis/schemas"
)

// Stream names one of a zone's three streams. The zero value is the ledger.
type Stream int

// The streams of a zone (PROTOCOL.md section 4).
const (
	Ledger Stream = iota
	Heartbeats
	Checkpoints
	streamCount
)

// maxStored is the largest stored message, headers included, in bytes.
const maxStored = schemas.MaxEnvelope + brokerHeaderRoom

// brokerHeaderRoom is what the broker's own header may add to an envelope: it
// stamps the account that a record came from.
const brokerHeaderRoom = 1 << 10

// maxConsumers is the least that JetStream takes for a limit.
const maxConsumers = 1

// livePrefix is where a stored record is announced: the broker republishes
// each stored record of <subject> on live.<subject>, in stream order.
const livePrefix = "live."

// streamInfo is one row of the table of streams.
type streamInfo struct {
	prefix   string // of the stream's name; the zone follows
	subjects func(zone string) string
	storage  nats.StorageType
	discard  nats.DiscardPolicy
	maxAge   time.Duration // 0: forever
	perSubj  int64         // newest records kept of each subject; -1: all
	keepsAll bool          // no record ever leaves, hence sequences have no holes
}

var streamTable = [streamCount]streamInfo{
	Ledger: {
		prefix: "LEDGER_", subjects: schemas.LedgerFilter,
		storage: nats.FileStorage, discard: nats.DiscardNew, perSubj: -1, keepsAll: true,
	},
	Heartbeats: {
		prefix: "HEARTBEATS_", subjects: func(zone string) string { return schemas.Subject(zone, schemas.KindHeartbeat, ">") },
		storage: nats.MemoryStorage, discard: nats.DiscardOld, perSubj: 4, maxAge: 10 * time.Minute,
	},
	Checkpoints: {
		prefix: "CHECKPOINTS_", subjects: func(zone string) string { return schemas.Subject(zone, schemas.KindCheckpoint, "") },
		storage: nats.FileStorage, discard: nats.DiscardNew, perSubj: -1, keepsAll: true,
	},
}

func (s Stream) valid() bool { return s >= 0 && s < streamCount }

// Name returns the stream's name in JetStream.
func (s Stream) Name(zone string) string { return streamTable[s].prefix + zone }

// filter returns the subject filter that matches every record of the stream.
func (s Stream) filter(zone string) string { return streamTable[s].subjects(zone) }

// live returns the filter of the stream's announcements.
func (s Stream) live(zone string) string { return livePrefix + s.filter(zone) }

// directGet returns the subject on which records are read by position.
func (s Stream) directGet(zone string) string { return "$JS.API.DIRECT.GET." + s.Name(zone) }

// leaderWord returns the subject on which the stream's leader says how far the
// stream goes and who keeps it.
func (s Stream) leaderWord(zone string) string { return "leader." + s.Name(zone) }

// leaderInfo returns where JetStream itself takes that question. Every account has
// that subject already, for streams of its own, so it is imported by another name.
func (s Stream) leaderInfo(zone string) string { return "$JS.API.STREAM.INFO." + s.Name(zone) }

// stepDown returns where JetStream takes an operator's wish that the leader hand over.
func (s Stream) stepDown(zone string) string { return "$JS.API.STREAM.LEADER.STEPDOWN." + s.Name(zone) }

// streamOf returns the stream of a zone that stores subject.
func streamOf(zone, subject string) (Stream, bool) {
	for s := range streamCount {
		filter := s.filter(zone)
		prefix, wild := strings.CutSuffix(filter, ">")
		if subject == filter || wild && strings.HasPrefix(subject, prefix) && len(subject) > len(prefix) {
			return s, true
		}
	}
	return 0, false
}

// settings returns what the stream must look like in JetStream.
func (s Stream) settings(z ZoneConfig) *nats.StreamConfig {
	info := streamTable[s]
	return &nats.StreamConfig{
		Name:       s.Name(z.Zone),
		Subjects:   []string{s.filter(z.Zone)},
		Retention:  nats.LimitsPolicy,
		Storage:    info.storage,
		Discard:    info.discard,
		MaxAge:     info.maxAge,
		MaxMsgs:    -1,
		MaxBytes:   z.maxBytes(s),
		MaxMsgSize: maxStored,
		Replicas:   max(z.Replicas, 1),
		// Nobody reads through consumers: a follower needs no right to create
		// one, hence nobody can aim one at another's subject.
		MaxConsumers:      maxConsumers,
		MaxMsgsPerSubject: info.perSubj,
		// Message ids are not used; the shortest window that JetStream takes.
		Duplicates:  100 * time.Millisecond,
		DenyDelete:  true,
		DenyPurge:   true,
		AllowDirect: true,
		RePublish:   &nats.RePublish{Source: s.filter(z.Zone), Destination: s.live(z.Zone)},
	}
}
