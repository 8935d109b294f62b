package fabric

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/portcullis-dev/portcullis/core/policy"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// People own the release's source: it is edited as text, so that comments and
// layout stay, and read back to see that the edit says what was meant.

// adapt edits a fresh copy of a release's source to the parameters.
func (p *Params) adapt(dir string) (*ReleaseSource, error) {
	source, err := LoadReleaseDir(dir)
	if err != nil {
		return nil, fmt.Errorf("fabric: the release's template:\n%w", err)
	}
	if count(source.body.GetDirectory(), pb.Role_ROLE_RECORDER) > 0 {
		return nil, errors.New("fabric: the release's template lists a recorder, whose keys nobody has; leave it out and say how many there are to be")
	}
	path := filepath.Join(dir, "release.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("fabric: %w", err)
	}
	if err := replaceFile(path, []byte(p.adaptRelease(string(text), source))); err != nil {
		return nil, err
	}
	if err := source.addEntries(dir, p.entries(source.body)); err != nil {
		return nil, err
	}
	edited, err := LoadReleaseDir(dir)
	if err != nil {
		return nil, fmt.Errorf("fabric: the release's template cannot be adapted; state the numbers in it, one key a line:\n%w", err)
	}
	if !p.meant(edited.body) {
		return nil, errors.New("fabric: the release's template cannot be adapted; state thresholds, decision_threshold and durability in release.yaml, one key a line")
	}
	return edited, nil
}

// meant reports whether an edited release says what the parameters say.
func (p *Params) meant(r *pb.Release) bool {
	majority := uint32(p.Governors/2 + 1)                           //nolint:gosec // at most 16
	return (p.K == 0 || r.GetDecisionThreshold() == uint32(p.K)) && //nolint:gosec // at most 16
		(p.Durability == 0 || r.GetDurability() == p.Durability) &&
		(p.Governors == 0 || r.GetThresholds().GetRelease() == majority && r.GetThresholds().GetResume() == majority)
}

// adaptRelease works from the last line up, so that positions stay true.
func (p *Params) adaptRelease(text string, source *ReleaseSource) string {
	type edit struct {
		at    policy.Position
		key   string
		value string
	}
	var edits []edit
	set := func(path, value string) { edits = append(edits, edit{source.positions[path], path, value}) }
	if p.K > 0 {
		set("decision_threshold", strconv.Itoa(p.K))
	}
	if p.Durability != 0 {
		set("durability", spell(p.Durability))
	}
	if p.Governors > 0 {
		majority := strconv.Itoa(p.Governors/2 + 1)
		set("thresholds.release", majority)
		set("thresholds.resume", majority)
	}
	slices.SortFunc(edits, func(a, b edit) int { return b.at.Line - a.at.Line })
	for _, e := range edits {
		if e.at.Line > 0 {
			text = splice(text, e.at, e.value)
		} else if !strings.Contains(e.key, ".") {
			text = line(text) + e.key + ": " + e.value + "\n"
		}
	}
	return text
}

// splice replaces the word that begins at a position.
func splice(text string, at policy.Position, value string) string {
	lines := strings.SplitAfter(text, "\n")
	if at.Line > len(lines) || at.Column > len(lines[at.Line-1]) {
		return text
	}
	l := lines[at.Line-1]
	rest := l[at.Column-1:]
	if end := strings.IndexAny(rest, " \t\r\n,}"); end >= 0 {
		rest = rest[end:]
	} else {
		rest = ""
	}
	lines[at.Line-1] = l[:at.Column-1] + value + rest
	return strings.Join(lines, "")
}

// line makes text end with a line break, if there is any.
func line(text string) string {
	if text == "" || strings.HasSuffix(text, "\n") {
		return text
	}
	return text + "\n"
}

// entries are those that the parameters add to the directory.
func (p *Params) entries(r *pb.Release) []*pb.Identity {
	var all []*pb.Identity
	for _, a := range p.Agents {
		all = append(all, &pb.Identity{Name: a.Name, Role: pb.Role_ROLE_AGENT, Groups: a.Groups, Tools: a.Tools})
	}
	add := func(role pb.Role, letter string, wanted int, tools []string) {
		here := count(r.GetDirectory(), role)
		if wanted == 0 && here == 0 {
			wanted = 1
		}
		for i := here; i < wanted; i++ {
			entry := &pb.Identity{Name: fmt.Sprintf("%s%d", letter, i+1), Role: role, Tools: tools}
			if role == pb.Role_ROLE_ENFORCER {
				entry.Rank = nextRank(append(r.GetDirectory(), all...))
			}
			all = append(all, entry)
		}
	}
	add(pb.Role_ROLE_ENFORCER, "e", p.Enforcers, nil)
	add(pb.Role_ROLE_EXECUTOR, "x", p.Executors, toolNames(r))
	add(pb.Role_ROLE_SENTINEL, "s", p.Sentinels, nil)
	for _, r := range p.recorders {
		all = append(all, &pb.Identity{Name: r.name, Role: pb.Role_ROLE_RECORDER, Required: true, LogKeys: r.public})
	}
	return all
}

func count(directory []*pb.Identity, role pb.Role) (n int) {
	for _, p := range directory {
		if p.GetRole() == role {
			n++
		}
	}
	return n
}

// nextRank is one more than the largest rank of an enforcer.
func nextRank(directory []*pb.Identity) (next uint32) {
	for _, p := range directory {
		if p.GetRole() == pb.Role_ROLE_ENFORCER {
			next = max(next, p.GetRank()+1)
		}
	}
	return next
}

func toolNames(r *pb.Release) []string {
	all := make([]string, len(r.GetTools()))
	for i, t := range r.GetTools() {
		all[i] = t.GetName()
	}
	return all
}

// addEntries adds entries to directory.yaml in dir, if that can be done by
// adding text to its end.
func (s *ReleaseSource) addEntries(dir string, entries []*pb.Identity) error {
	if len(entries) == 0 {
		return nil
	}
	path := filepath.Join(dir, "directory.yaml")
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("fabric: %w", err)
	}
	text := s.appendEntries(string(data), entries)
	edited := &ReleaseSource{body: &pb.Release{}, positions: map[string]policy.Position{}}
	err = edited.section("directory.yaml", []string{"directory"}, []byte(text))
	if want := slices.Concat(s.body.GetDirectory(), entries); err != nil || !slices.EqualFunc(want, edited.body.GetDirectory(), equal) {
		return fmt.Errorf("fabric: %s cannot be added to; let the list of its entries, one key a line, be the last thing in it, or add by hand:\n%s", path, text[len(line(string(data))):])
	}
	return replaceFile(path, []byte(text))
}

func equal(a, b *pb.Identity) bool { return proto.Equal(a, b) }

// appendEntries adds entries after the last one of directory.yaml, indented as
// that one is.
func (s *ReleaseSource) appendEntries(text string, entries []*pb.Identity) string {
	indent := "  "
	if at, ok := s.positions["directory[0]"]; ok && at.Column > 2 {
		indent = strings.Repeat(" ", at.Column-3)
	}
	var b strings.Builder
	b.WriteString(line(text))
	for _, p := range entries {
		fmt.Fprintf(&b, "%s- name: %s\n%s  role: %s\n", indent, quote(p.GetName()), indent, trust.RoleName(p.GetRole()))
		if p.GetRole() == pb.Role_ROLE_ENFORCER {
			fmt.Fprintf(&b, "%s  rank: %d\n", indent, p.GetRank())
		}
		if p.GetRequired() {
			fmt.Fprintf(&b, "%s  required: true\n", indent)
		}
		if p.GetGateway() {
			fmt.Fprintf(&b, "%s  gateway: true\n", indent)
		}
		writeLogKeys(&b, indent, p.GetLogKeys())
		if p.GetVerifier() != "" {
			fmt.Fprintf(&b, "%s  verifier: %s\n", indent, quote(p.GetVerifier()))
		}
		writeList(&b, indent, "groups", p.GetGroups())
		writeList(&b, indent, "tools", p.GetTools())
	}
	return b.String()
}

func writeLogKeys(b *strings.Builder, indent string, keys []*pb.LogKey) {
	if len(keys) > 0 {
		fmt.Fprintf(b, "%s  log_keys: # of %s, which stays secret\n", indent, logKeysFile)
	}
	for _, k := range keys {
		fmt.Fprintf(b, "%s    - {algorithm: %s, public_key: %x}\n", indent, spell(k.GetAlgorithm()), k.GetPublicKey())
	}
}

func writeList(b *strings.Builder, indent, key string, values []string) {
	if len(values) == 0 {
		return
	}
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = quote(v)
	}
	fmt.Fprintf(b, "%s  %s: [%s]\n", indent, key, strings.Join(quoted, ", "))
}

// quote writes a text so that YAML takes it for one.
func quote(s string) string {
	plain := s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" && s[0] >= 'a' && s[0] <= 'z'
	switch s {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n":
		plain = false
	}
	if plain {
		return s
	}
	return string(appendJSON(nil, s))
}
