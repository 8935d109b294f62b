package fabric

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// ErrNoFabric reports a folder that holds no fabric.
var ErrNoFabric = errors.New("fabric: no fabric")

// The names of files and folders below a fabric's folder.
const (
	configFile      = "fabric.json"
	governorsDir    = "governors"
	issuerDir       = "issuer"
	participantsDir = "participants"
	releaseDir      = "release"
	recordsDir      = "records"
	serverDir       = "server"
	filesDir        = "files"
	runDir          = "run"

	issuerCert  = "ca.pem"
	issuerKey   = "ca.key"
	signingFile = "signing.pem"
	nkeyFile    = "nats.nk"
	nkeyPublic  = "nats.pub"
	svidCert    = "svid.pem"
	svidKey     = "svid.key"
	bundleFile  = "bundle.json"
	logKeysFile = "log.keys"
	lockFile    = "lock"

	evidenceFile = "evidence.yaml"
	recorderDir  = "recorder"
	carriedDir   = "carried"
	sealedFile   = "sealed.checkpoint"
)

// Fabric is a trust domain on disk. Get one from Create or Open. It holds no
// open file and no secret; methods read the disk each time. It may be used by
// several goroutines.
type Fabric struct {
	Dir         string
	TrustDomain string
	Zone        string
	Ledger      trust.Digest // of genesis: the ledger's identity
	NATS        NATS
	Created     time.Time

	// Clock tells the time when keys and records are made. Open sets it to
	// time.Now; change it before use.
	Clock func() time.Time
}

type config struct {
	TrustDomain string     `json:"trust_domain"`
	Zone        string     `json:"zone"`
	Ledger      string     `json:"ledger"`
	NATS        natsConfig `json:"nats"`
	Created     time.Time  `json:"created"`
}

// Open opens the fabric in dir. It refuses a folder that others can enter, and
// records that do not begin with the genesis that fabric.json names or do not
// follow one from the other. A folder without a fabric gives ErrNoFabric.
func Open(dir string) (*Fabric, error) {
	f, err := readFabric(dir)
	if err != nil {
		return nil, err
	}
	if _, err := f.State(); err != nil {
		return nil, err
	}
	return f, nil
}

func readFabric(dir string) (*Fabric, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("fabric: %w", err)
	}
	path := filepath.Join(dir, configFile)
	if there, err := exists(path); err != nil || !there {
		return nil, errors.Join(fmt.Errorf("%w in %s; make one with: portcullis init --data %s", ErrNoFabric, dir, dir), err)
	}
	if err := checkPrivateDir(dir); err != nil {
		return nil, err
	}
	data, err := ReadSecret(path)
	if err != nil {
		return nil, err
	}
	var c config
	if err := decodeJSON(data, &c); err != nil {
		return nil, fmt.Errorf("fabric: %s: %w; restore it from a backup", path, err)
	}
	ledger, err := trust.ParseDigest(c.Ledger)
	if err != nil {
		return nil, fmt.Errorf("fabric: %s: ledger: %w", path, err)
	}
	broker, err := c.NATS.nats(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f := &Fabric{
		Dir: dir, TrustDomain: c.TrustDomain, Zone: c.Zone, Ledger: ledger,
		NATS: broker, Created: c.Created, Clock: time.Now,
	}
	return f, nil
}

func (f *Fabric) config() ([]byte, error) {
	return encodeJSON(config{
		TrustDomain: f.TrustDomain, Zone: f.Zone, Ledger: f.Ledger.String(), NATS: f.NATS.settings(), Created: f.Created.UTC(),
	})
}

// decodeJSON reads exactly one JSON value without unknown fields.
func decodeJSON(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("not the JSON that is wanted: %w", err)
	}
	if decoder.More() {
		return errors.New("not the JSON that is wanted: something follows it")
	}
	return nil
}

func encodeJSON(v any) ([]byte, error) {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("fabric: %w", err)
	}
	return append(data, '\n'), nil
}

// identity is an identity of this trust domain and zone.
func (f *Fabric) identity(role pb.Role, name string) trust.Identity {
	return trust.Identity{TrustDomain: f.TrustDomain, Zone: f.Zone, Role: role, Name: name}
}

// ReleaseDir is the folder of the release's source.
func (f *Fabric) ReleaseDir() string { return f.path(releaseDir) }

// ServerDir is the folder of an embedded broker.
func (f *Fabric) ServerDir() string { return f.path(serverDir) }

// FilesDir is the root of the file tool.
func (f *Fabric) FilesDir() string { return f.path(filesDir) }

// RecorderDir is the folder of a recorder's tree: its tiles and its checkpoint.
func (f *Fabric) RecorderDir(name string) string { return f.path(recorderDir, name) }

// RunDir is for what running services keep: marks and locks.
func (f *Fabric) RunDir() string { return f.path(runDir) }

// MemberDir is the folder of a participant: all that it needs to run.
func (f *Fabric) MemberDir(role pb.Role, name string) string {
	return f.path(participantsDir, trust.RoleName(role), name)
}

func (f *Fabric) path(parts ...string) string {
	return filepath.Join(append([]string{f.Dir}, parts...)...)
}

// Participant is one who may connect to the broker.
type Participant struct {
	Role       pb.Role
	Name       string   // unique in the zone, whatever the role
	NKeyPublic string   // "U…"
	Tools      []string // executors only: those that it serves
}

// Participants lists the governors and those of the directory in force whose
// folder is here, by role and name. It reads no secret: once a participant's
// folder is on its own machine, signing.pem, svid.key and nats.nk can go here.
func (f *Fabric) Participants() ([]Participant, error) {
	release, err := f.Release()
	if err != nil {
		return nil, err
	}
	names, err := f.Governors()
	if err != nil {
		return nil, err
	}
	var all []Participant
	for _, name := range names {
		key, err := readNKeyPublic(f.path(governorsDir, name))
		if err != nil {
			return nil, err
		}
		all = append(all, Participant{Role: pb.Role_ROLE_GOVERNOR, Name: name, NKeyPublic: key})
	}
	for _, p := range release.Proto.GetDirectory() {
		key, err := readNKeyPublic(f.MemberDir(p.GetRole(), p.GetName()))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		one := Participant{Role: p.GetRole(), Name: p.GetName(), NKeyPublic: key}
		if one.Role == pb.Role_ROLE_EXECUTOR {
			one.Tools = slices.Clone(p.GetTools())
		}
		all = append(all, one)
	}
	sortParticipants(all)
	return all, nil
}

// subfolders lists the visible folders in dir, sorted.
func subfolders(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("fabric: %w", err)
	}
	var all []string
	for _, e := range entries {
		if e.IsDir() && e.Name()[0] != '.' {
			all = append(all, e.Name())
		}
	}
	return all, nil
}
