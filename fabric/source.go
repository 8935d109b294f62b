package fabric

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/policy"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// ReleaseSource is the readable form of a release: a folder of YAML and Cedar
// files. It is immutable.
type ReleaseSource struct {
	body      *pb.Release   // all but version, replaces, validity, governors, issuers
	validity  time.Duration // from the moment of Build
	cases     []testCase
	positions map[string]policy.Position // where a path of the release stands
}

// sections says which fields of a release each file holds.
var sections = []struct {
	file   string
	fields []string
}{
	{"release.yaml", []string{"note", "thresholds", "decision_threshold", "durability", "bounds", "agent_attributes", "drift", "witness_threshold", "sealing_keys"}},
	{"directory.yaml", []string{"directory"}},
	{"tools.yaml", []string{"tools"}},
	{"limits.yaml", []string{"limits"}},
}

// LoadReleaseDir reads a release's source from a folder; see LoadRelease.
func LoadReleaseDir(dir string) (*ReleaseSource, error) {
	if _, err := os.ReadDir(dir); err != nil {
		return nil, fmt.Errorf("fabric: the release's source: %w; name a folder that this user may read, with %s in it", err, sections[0].file)
	}
	return LoadRelease(os.DirFS(dir))
}

// LoadRelease reads release.yaml, directory.yaml, tools.yaml, limits.yaml,
// policies/*.cedar and tests/*.yaml. All YAML files but the tests must be there.
// It refuses unknown keys, keys that stand twice, values of the wrong type,
// anchors and tags. What is wrong with the text comes back as one
// policy.Problems, with file, line and column of each problem; whether the
// release holds together is for Lint and Build to say.
func LoadRelease(source fs.FS) (*ReleaseSource, error) {
	s := &ReleaseSource{body: &pb.Release{}, positions: map[string]policy.Position{}}
	var errs []error
	for _, section := range sections {
		data, err := readSource(source, section.file)
		if err != nil {
			return nil, err
		}
		errs = append(errs, s.section(section.file, section.fields, data))
	}
	if err := s.readPolicies(source); err != nil {
		return nil, err
	}
	cases, err := readCases(source)
	if err := join(append(errs, err)...); err != nil {
		return nil, err
	}
	s.cases = cases
	return s, nil
}

// section reads one file's fields into the release.
func (s *ReleaseSource) section(name string, fields []string, data []byte) error {
	r := &reader{file: name, position: func(path string, at policy.Position) { s.positions[path] = at }}
	root, ok := r.document(data)
	if !ok {
		return r.err()
	}
	m := s.body.ProtoReflect()
	known := make(map[string]func(key, value *yaml.Node))
	for _, field := range fields {
		fd := m.Descriptor().Fields().ByTextName(field)
		known[field] = func(key, value *yaml.Node) { r.field(key, value, m, fd, "") }
	}
	if name == sections[0].file {
		known["validity"] = func(_, value *yaml.Node) { s.validity = r.positive("validity", value) }
	}
	r.mapping(root, known)
	return r.err()
}

func (r *reader) positive(path string, n *yaml.Node) time.Duration {
	r.note(path, n)
	var d durationpb.Duration
	before := len(r.found)
	r.duration(n, &d)
	if len(r.found) == before && d.AsDuration() <= 0 {
		r.fault(n, "yaml.duration", "write how long it holds, such as 8760h for a year", "%s is not a positive duration", n.Value)
	}
	return d.AsDuration()
}

func (s *ReleaseSource) readPolicies(source fs.FS) error {
	files, err := fs.Glob(source, "policies/*.cedar")
	if err != nil {
		return fmt.Errorf("fabric: the release's policies: %w", err)
	}
	slices.Sort(files)
	for _, name := range files {
		text, err := readSource(source, name)
		if err != nil {
			return err
		}
		s.body.Policies = append(s.body.Policies, &pb.PolicySource{Name: name, Text: string(text)})
	}
	return nil
}

func readSource(source fs.FS, name string) ([]byte, error) {
	f, err := source.Open(path.Clean(name))
	if err != nil {
		return nil, fmt.Errorf("fabric: the release's source: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSource+1))
	if err != nil {
		return nil, fmt.Errorf("fabric: the release's source: reading %s: %w", name, err)
	}
	if len(data) > maxSource {
		return nil, fmt.Errorf("fabric: the release's source: %s has more than %d bytes; split or shorten it", name, maxSource)
	}
	return data, nil
}

// BuildParams is what a release holds beside its source.
type BuildParams struct {
	Version   uint64       // from 1, without gaps
	Replaces  trust.Digest // of the record that it follows: genesis or a release
	Now       time.Time    // the release holds from a minute before until its validity has passed
	Governors []*pb.Governor
	Issuers   [][]byte // DER certificates
}

// Build makes a release of the source. It refuses, with the problems that Lint
// names errors, what would not hold together or deny everything. Equal sources
// and parameters give equal releases, byte for byte.
func (s *ReleaseSource) Build(p BuildParams) (*pb.Release, error) {
	if p.Now.IsZero() || p.Version == 0 || p.Replaces.IsZero() {
		return nil, errors.New("fabric: building a release needs its version, the digest that it replaces and the time")
	}
	release := s.assemble(p)
	var wrong policy.Problems
	for _, f := range s.lint(release) {
		if f.Severity == policy.SeverityError {
			wrong = append(wrong, f)
		}
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	return release, nil
}

// clockSlack is how far back validity begins, so that a broker or a reader
// whose clock is a little behind accepts what was made just now.
const clockSlack = time.Minute

func (s *ReleaseSource) assemble(p BuildParams) *pb.Release {
	release := proto.CloneOf(s.body)
	now := p.Now.UTC().Truncate(time.Second)
	release.Version = p.Version
	release.Replaces = p.Replaces[:]
	release.NotBefore = timestamppb.New(now.Add(-clockSlack))
	release.Expires = timestamppb.New(now.Add(s.validity))
	release.Governors = p.Governors
	release.Issuers = p.Issuers
	return release
}
