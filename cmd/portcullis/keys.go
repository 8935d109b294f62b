package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

func newKeysCommand(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use:   "keys",
		Short: "List whose keys are in the data folder",
		Long: `Lists governors and participants of the data folder with the ids of their signing
keys. It prints no secret.

JSON: one object each: {"role","name","spiffe_id","key_id","nkey","expires","here"}; expires is RFC 3339 and left out
for governors; without the secret keys here, "here" is false and key_id is left out.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			f, err := g.fabric()
			if err != nil {
				return err
			}
			return g.listKeys(f)
		},
	}
	c.AddCommand(newKeysNewCommand(g), newKeysSealingCommand(g))
	return c
}

// keyLine is one line of `keys --json`.
type keyLine struct {
	Role     string `json:"role"`
	Name     string `json:"name"`
	SPIFFEID string `json:"spiffe_id"`
	KeyID    string `json:"key_id,omitempty"`
	NKey     string `json:"nkey"`
	Expires  string `json:"expires,omitempty"`
	Here     bool   `json:"here"`
}

func (g *globals) listKeys(f *fabric.Fabric) error {
	participants, err := f.Participants()
	if err != nil {
		return err
	}
	for _, p := range participants {
		line, err := keyLineOf(f, p)
		if err != nil {
			return err
		}
		key, expires := "elsewhere", line.Expires
		if line.Here {
			key = line.KeyID[:16]
		}
		if expires == "" {
			expires = "-"
		}
		if err := g.say(line, "%-10s %-16s %-16s %s\n", line.Role, line.Name, key, expires); err != nil {
			return err
		}
	}
	return nil
}

func keyLineOf(f *fabric.Fabric, p fabric.Participant) (keyLine, error) {
	id := trust.Identity{TrustDomain: f.TrustDomain, Zone: f.Zone, Role: p.Role, Name: p.Name}
	line := keyLine{Role: trust.RoleName(p.Role), Name: p.Name, SPIFFEID: id.String(), NKey: p.NKeyPublic}
	if p.Role == pb.Role_ROLE_GOVERNOR {
		governor, err := f.Governor(p.Name)
		if err == nil {
			line.KeyID, line.Here = governor.Key.ID().String(), true
		}
		return line, unlessMissing(err)
	}
	m, err := fabric.LoadMember(f.MemberDir(p.Role, p.Name), trust.Digest{}, f.Clock())
	if err == nil {
		line.KeyID, line.Here, line.Expires = m.Key.ID().String(), true, m.Expires.UTC().Format(time.RFC3339)
	}
	return line, unlessMissing(err)
}

// unlessMissing passes errors on, but for keys that are kept on another machine.
func unlessMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func newKeysNewCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "new FILE",
		Short: "Make an Ed25519 signing key in a new file",
		Long: `Makes an Ed25519 signing key (PKCS #8, PEM) in a new file that only this user can
read. A file that exists is left alone.

JSON: {"event":"key","file","key_id"}`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			key, err := trust.GenerateKey()
			if err != nil {
				return err
			}
			if err := writeKey(args[0], key); err != nil {
				return err
			}
			return g.say(map[string]string{"event": "key", "file": args[0], "key_id": key.ID().String()}, "key %s in %s\n", key.ID(), args[0])
		},
	}
}

// writeKey writes a key to a file that must not exist yet, mode 0600, and syncs it.
func writeKey(path string, key *trust.SigningKey) error {
	text, err := key.MarshalPEM()
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("a new key: %w; name a file that does not exist, in a folder that does", err)
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("a new key: %w", errors.Join(err, os.Remove(path)))
	}
	return nil
}

func sorted(names []string) []string {
	slices.Sort(names)
	return names
}
