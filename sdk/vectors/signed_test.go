package vectors_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// signed is one row of signed.json: what a person was asked for, and the record that
// is made and signed of it. Rows that are not OK can be no record.
type signed struct {
	About       string   `json:"about"`
	Kind        string   `json:"kind"` // halt, resume or approval
	OK          bool     `json:"ok"`
	Keys        []string `json:"keys"` // of who signs, one after the other: the text of signing.pem
	KeyIDs      []string `json:"key_ids"`
	PublicKeys  []string `json:"public_keys"`
	Ledger      string   `json:"ledger"`
	TrustDomain string   `json:"trust_domain"`
	Zone        string   `json:"zone"`

	ID     string   `json:"id,omitempty"`    // halt and resume
	Scope  string   `json:"scope,omitempty"` // halt
	Halts  []string `json:"halts,omitempty"` // resume
	Reason string   `json:"reason,omitempty"`

	Approver string `json:"approver,omitempty"` // approval: a name
	Intent   string `json:"intent,omitempty"`
	Approve  bool   `json:"approve,omitempty"`
	Note     string `json:"note,omitempty"`

	PayloadType string `json:"payload_type,omitempty"`
	Payload     string `json:"payload,omitempty"`
	Digest      string `json:"digest,omitempty"`
	PAE         string `json:"pae,omitempty"`        // what is signed
	Envelope    string `json:"envelope,omitempty"`   // with all signatures
	HaltsShown  string `json:"halts_file,omitempty"` // resume: the file that goes from one governor to the next
}

// hostile are texts that a careless writer would change, or a careless reader take
// for something else.
var hostile = []struct{ about, text string }{
	{"plain", "the agents act up"},
	{"lines, a tab and their returns", "one\ntwo\r\nthree\tfour\r"},
	{"turned round", "looks like \u202egpj.exe\u202c, \u2066is not\u2069"},
	{"four bytes a letter", "🏰 stands, 👩‍🚒 comes, 𝄞"},
	{"NUL and other control characters", "before\x00after\x1b[2J\x7f\u0085"},
	{"a byte order mark in front", "\ufeffmarked"},
	{"nothing but a byte order mark", "\ufeff"},
	{"line and paragraph separators", "a\u2028b\u2029c"},
	{"composed and not", "é e\u0301 \ufb01 \u212b"},
	{"no characters, and the last one", "\ufffe\uffff\U0010ffff\ufffd\ue000"},
	{"blanks around", "  \u00a0 why \u3000 "},
	{"markup and quotes", "<img src=x onerror=alert(1)> '; DROP TABLE halts; -- {{7*7}} \"\\u0000\""},
	{"as long as may be, of one byte", strings.Repeat("x", 1024)},
	{"as long as may be, of four bytes", strings.Repeat("🏰", 1024)},
}

// TestSigned: what governors and approvers sign, byte for byte.
func TestSigned(t *testing.T) {
	rows := halts()
	for i := range rows {
		sign(t, &rows[i])
	}
	payloads := map[string]string{}
	for _, row := range rows {
		payloads[row.Digest] = row.Payload
	}
	for _, row := range append(resumes(rows), approvals()...) {
		sign(t, &row)
		travels(t, &row, payloads)
		rows = append(rows, row)
	}
	for _, row := range refused() {
		if _, err := payloadOf(t, &row); err == nil {
			t.Errorf("%s can be a record", row.About)
		}
		rows = append(rows, row)
	}
	vectors(t, "signed.json", rows)
}

func halts() (rows []signed) {
	for _, scope := range []string{"global", "zone", "tool:transfer", "agent:alice", "session:alice#a_B-9", "session:alice#a#b", "drill"} {
		rows = append(rows, signed{About: "a halt of " + scope, Kind: "halt", Scope: scope, Reason: "the agents act up"})
	}
	for _, one := range hostile {
		rows = append(rows, signed{About: "a halt whose reason is " + one.about, Kind: "halt", Scope: "global", Reason: one.text})
	}
	return append(rows, signed{About: "a halt by two governors", Kind: "halt", Scope: "global", Reason: "both see it", Keys: make([]string, 2)})
}

func resumes(halts []signed) []signed {
	of := func(rows ...signed) (ids []string) {
		for _, row := range rows {
			ids = append(ids, row.Digest)
		}
		return ids
	}
	rows := []signed{
		{About: "a resume of one halt", Halts: of(halts[0])},
		{About: "a resume of one halt by two governors", Halts: of(halts[0]), Keys: make([]string, 2)},
		{About: "a resume of several halts by two governors", Halts: of(halts[4], halts[0], halts[2]), Keys: make([]string, 2)},
		{About: "a resume of halts whose reasons are hostile", Halts: of(halts[7:]...), Reason: hostile[4].text, Keys: make([]string, 2)},
		{About: "a resume of as many halts as may be", Halts: many(256)},
	}
	for _, one := range hostile {
		rows = append(rows, signed{About: "a resume whose reason is " + one.about, Halts: of(halts[0]), Reason: one.text})
	}
	for i := range rows {
		if rows[i].Kind = "resume"; rows[i].Reason == "" {
			rows[i].Reason = "it is over"
		}
	}
	return rows
}

func many(n int) (ids []string) {
	for i := range n {
		ids = append(ids, trust.DigestOf(fmt.Appendf(nil, "halt %d", i)).String())
	}
	return ids
}

func approvals() []signed {
	intent := trust.DigestOf([]byte("an intent")).String()
	rows := []signed{{About: "a yes", Approve: true}, {About: "a no"}, {About: "a yes with a note", Approve: true, Note: "seen"}}
	for _, one := range hostile {
		rows = append(rows, signed{About: "a no whose note is " + one.about, Note: one.text})
	}
	for i := range rows {
		rows[i].Kind, rows[i].Approver, rows[i].Intent = "approval", "carol", intent
	}
	return rows
}

// refused are records that break a rule of their schema.
func refused() []signed {
	long, digest := strings.Repeat("🏰", 1025), many(1)
	rows := []signed{
		{About: "a halt without a reason", Kind: "halt", Scope: "global"},
		{About: "a halt whose reason is too long", Kind: "halt", Scope: "global", Reason: long},
		{About: "a resume without a reason", Kind: "resume", Halts: digest},
		{About: "a resume whose reason is too long", Kind: "resume", Halts: digest, Reason: long},
		{About: "a resume of nothing", Kind: "resume", Reason: "why"},
		{About: "a resume of too much", Kind: "resume", Halts: many(257), Reason: "why"},
		{About: "a resume of half a digest", Kind: "resume", Halts: []string{digest[0][:32]}, Reason: "why"},
		{About: "an approval whose note is too long", Kind: "approval", Approver: "carol", Intent: digest[0], Note: long},
		{About: "an approval of half a digest", Kind: "approval", Approver: "carol", Intent: digest[0][:32]},
	}
	return rows
}

// payloadOf fills in where a row is for, and makes its record as it is signed.
func payloadOf(t *testing.T, row *signed) ([]byte, error) {
	t.Helper()
	ledger := trust.DigestOf([]byte("a genesis"))
	row.Ledger, row.TrustDomain, row.Zone = ledger.String(), trusttest.TrustDomain, trusttest.ZoneName
	if row.Kind == "approval" {
		return schemas.Marshal(&pb.Approval{
			Ledger: ledger[:], IntentDigest: raw(t, row.Intent), Approver: trusttest.ID(pb.Role_ROLE_APPROVER, row.Approver).String(), Approve: row.Approve, Note: row.Note,
		})
	}
	record := zone.ResumeRecord(nil, row.Reason)
	for _, id := range row.Halts {
		record.GetResume().Halts = append(record.GetResume().GetHalts(), raw(t, id))
	}
	if row.Kind == "halt" {
		scope, err := governance.ParseScope(row.Scope, row.TrustDomain, row.Zone)
		must(t, err)
		record = zone.HaltRecord(scope, row.Reason)
	}
	record.Ledger, record.Id = ledger[:], idOf(row.About)
	row.ID = hex.EncodeToString(record.GetId())
	return schemas.Marshal(record)
}

// idOf is a UUIDv7 of the time at which tests begin.
func idOf(about string) []byte {
	digest := trust.DigestOf([]byte(about))
	id := binary.BigEndian.AppendUint64(nil, uint64(trusttest.Start.UnixMilli())<<16|0x7000|uint64(digest[0]))
	return append(id, append([]byte{digest[1]&0x3f | 0x80}, digest[2:9]...)...)
}

// sign completes a row: as many sign as it has room for keys, or one.
func sign(t *testing.T, row *signed) {
	t.Helper()
	payload, err := payloadOf(t, row)
	must(t, err)
	kind, signers := schemas.KindGovernance, []*trust.SigningKey{trusttest.Governor(1), trusttest.Governor(2)}[:max(1, len(row.Keys))]
	if row.Kind == "approval" {
		kind, signers = schemas.KindApproval, []*trust.SigningKey{trusttest.Key(row.Approver)}
	}
	row.Keys = nil
	for _, key := range signers {
		text, err := key.MarshalPEM()
		must(t, err)
		row.Keys, row.KeyIDs, row.PublicKeys = append(row.Keys, string(text)), append(row.KeyIDs, key.ID().String()), append(row.PublicKeys, hex.EncodeToString(key.Public().Bytes()))
	}
	envelope, err := trust.Seal(kind.PayloadType(), payload, signers...)
	must(t, err)
	row.OK, row.PayloadType, row.Payload, row.Digest = true, kind.PayloadType(), hex.EncodeToString(payload), trust.DigestOf(payload).String()
	row.PAE, row.Envelope = hex.EncodeToString(trust.PAE(kind.PayloadType(), payload)), hex.EncodeToString(envelope)
}

// travels writes the file of a resume whose halts are known. What the command line
// writes is held to it in cmd/portcullis.
func travels(t *testing.T, row *signed, payloads map[string]string) {
	t.Helper()
	var shown []string
	for _, id := range row.Halts {
		if payload, known := payloads[id]; known {
			shown = append(shown, base64.StdEncoding.EncodeToString(raw(t, payload)))
		}
	}
	if len(shown) == 0 || len(shown) != len(row.Halts) {
		return
	}
	text, err := json.MarshalIndent(struct {
		Format string   `json:"format"`
		Resume string   `json:"resume"`
		Halts  []string `json:"halts"`
	}{"portcullis-resume-v1", base64.StdEncoding.EncodeToString(raw(t, row.Envelope)), shown}, "", "  ")
	must(t, err)
	row.HaltsShown = string(text) + "\n"
}

// scope is one row of scopes.json: a text, and the scope that it means.
type scope struct {
	Text  string `json:"text"`
	OK    bool   `json:"ok"`
	Bytes string `json:"bytes,omitempty"`
}

// TestScopes: which texts mean a scope, and which.
func TestScopes(t *testing.T) {
	var rows []scope
	long := strings.Repeat("x", 64)
	for _, text := range []string{
		"global", "zone", "drill", "tool:transfer", "agent:alice", "session:alice#s", "session:alice#a#b", "session:alice#" + long, "tool:" + long[:63],
		"", ":", "Global", " global", "global ", "global:", "global:x", "zone:", "zone:z1", "drill:", "drill:x", "everything",
		"tool", "tool:", "tool:Transfer", "tool:-x", "tool:x-", "tool:a.b", "tool:a:b", "tool:é", "tool:x\n", "tool:" + long,
		"agent", "agent:", "agent:alice#s", "agent:spiffe://example.test/z1/agent/alice", "agent:a/b",
		"session", "session:", "session:alice", "session:#s", "session:alice#", "session:alice#" + long + "x", "session:Alice#s",
		"session:alice#" + strings.Repeat("é", 32), "session:alice#" + strings.Repeat("é", 33), "session:alice#" + strings.Repeat("🏰", 16), "session:alice#" + strings.Repeat("🏰", 17),
	} {
		row := scope{Text: text}
		if found, err := governance.ParseScope(text, trusttest.TrustDomain, trusttest.ZoneName); err == nil {
			data, err := proto.MarshalOptions{Deterministic: true}.Marshal(found)
			must(t, err)
			row.OK, row.Bytes = true, hex.EncodeToString(data)
		}
		rows = append(rows, row)
	}
	vectors(t, "scopes.json", rows)
}
