package streams

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
)

// natsContext is a context of the nats command: where to connect, and as whom.
type natsContext struct {
	URL      string `json:"url"`
	NKey     string `json:"nkey"`  // file with a seed
	Creds    string `json:"creds"` // file with a JWT and a seed
	User     string `json:"user"`
	Password string `json:"password"`
	Token    string `json:"token"`
	Cert     string `json:"cert"` // files for TLS
	Key      string `json:"key"`
	CA       string `json:"ca"`
	Inbox    string `json:"inbox_prefix"`
}

// contextFields are the fields of natsContext, and those that change nothing
// about a connection. Any other must be empty: who sets one means something that
// would not happen.
var contextFields = []string{
	"url", "nkey", "creds", "user", "password", "token", "cert", "key", "ca", "inbox_prefix",
	"name", "description", "color_scheme",
}

// ContextURL reads where a context of the nats command connects to:
// $XDG_CONFIG_HOME/nats/context/<name>.json, or the same under ~/.config. It
// refuses a context that Connect would refuse.
func ContextURL(name string) (string, error) {
	c, err := readContext(name)
	if err != nil {
		return "", err
	}
	return c.URL, nil
}

// readContext reads a context, strictly.
func readContext(name string) (*natsContext, error) {
	if name == "" || strings.HasPrefix(name, ".") || strings.ContainsAny(name, `/\`) {
		return nil, fmt.Errorf("streams: %.80q is not the name of a nats context; see: nats context ls", name)
	}
	dir, err := contextDir()
	if err != nil {
		return nil, fmt.Errorf("streams: nats context %s: %w; give the server's URL instead", name, err)
	}
	path := filepath.Join(dir, name+".json")
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("streams: nats context %s: %w; see which there are with: nats context ls", name, err)
	}
	c, err := parseContext(data)
	if err != nil {
		return nil, fmt.Errorf("streams: nats context %s: %s: %w", name, path, err)
	}
	return c, nil
}

func contextDir() (string, error) {
	base := os.Getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(base) { // the specification says to ignore others
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		base = filepath.Join(home, ".config")
	}
	return filepath.Join(base, "nats", "context"), nil
}

func parseContext(data []byte) (*natsContext, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, fmt.Errorf("is not a context: %w", err)
	}
	for field, value := range fields {
		if !slices.Contains(contextFields, field) && !isEmpty(value) {
			return nil, fmt.Errorf("field %q is not supported; make a context without it, or give the server's URL instead", field)
		}
	}
	c := new(natsContext)
	if err := json.Unmarshal(data, c); err != nil {
		return nil, fmt.Errorf("is not a context: %w", err)
	}
	return c, c.check()
}

func isEmpty(value json.RawMessage) bool {
	return slices.Contains([]string{`""`, `false`, `null`, `[]`, `{}`, `0`}, string(bytes.TrimSpace(value)))
}

func (c *natsContext) check() error {
	ways := 0
	for _, way := range []string{c.NKey, c.Creds, c.User, c.Token} {
		if way != "" {
			ways++
		}
	}
	switch {
	case c.URL == "":
		return errors.New("names no url; give the server's URL instead")
	case ways > 1:
		return errors.New("has more than one of nkey, creds, user and token; keep the one that counts")
	case c.Password != "" && c.User == "":
		return errors.New("has a password without a user")
	case (c.Cert == "") != (c.Key == ""):
		return errors.New("has only one of cert and key")
	case c.Inbox != "" && c.Inbox != inboxPrefix:
		return fmt.Errorf("inbox_prefix %q is not supported; the fabric's permissions are for %s", c.Inbox, inboxPrefix)
	}
	return nil
}

// login is how the context itself authenticates; nil if it does not.
func (c *natsContext) login() (nats.Option, error) {
	switch {
	case c.NKey != "":
		seed, err := os.ReadFile(fromHome(c.NKey))
		if err != nil {
			return nil, fmt.Errorf("streams: nats context: nkey: %w", err)
		}
		return signer(bytes.TrimSpace(seed))
	case c.Creds != "":
		if _, err := os.Stat(fromHome(c.Creds)); err != nil { // the client would say so at connect, less plainly
			return nil, fmt.Errorf("streams: nats context: creds: %w", err)
		}
		return nats.UserCredentials(fromHome(c.Creds)), nil
	case c.User != "":
		return nats.UserInfo(c.User, c.Password), nil
	case c.Token != "":
		return nats.Token(c.Token), nil
	default:
		return nil, nil //nolint:nilnil // no login is no error: a seed may authenticate instead
	}
}

// tls is how the context secures the connection.
func (c *natsContext) tls() []nats.Option {
	var opts []nats.Option
	if c.CA != "" {
		opts = append(opts, nats.RootCAs(fromHome(c.CA)))
	}
	if c.Cert != "" {
		opts = append(opts, nats.ClientCert(fromHome(c.Cert), fromHome(c.Key)))
	}
	return opts
}

// fromHome resolves a leading "~/" as the nats command does.
func fromHome(path string) string {
	rest, tilde := strings.CutPrefix(path, "~/")
	home, err := os.UserHomeDir()
	if !tilde || err != nil {
		return path
	}
	return filepath.Join(home, rest)
}
