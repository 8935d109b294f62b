package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/core/proof"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

func newVerifyCommand(g *globals) *cobra.Command {
	anchor := ""
	c := &cobra.Command{
		Use:   "verify FILE [--anchor DIGEST|FILE]",
		Short: "Check a proof file offline, step by step",
		Long: `Checks a proof file of portcullis prove, offline, and says step by step what it
established and what it did not. FILE is - for standard input. The exit code is 0 only if every step holds.

The anchor is all that you must trust: the digest of the ledger's genesis record (64
hexadecimal digits, ask a governor), or a file that holds that digest or the genesis record
itself. Without --anchor it is that of the data folder.

JSON: {"kind","intent","ok","anchor","steps":[{"name","what","established","detail"}],"not_established":[…]}.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return g.verify(args[0], anchor) },
	}
	c.Flags().StringVar(&anchor, "anchor", "", "digest of the genesis record, or a file that holds it (default: that of the data folder)")
	return c
}

// verified is what `verify --json` says.
type verified struct {
	OK     bool   `json:"ok"`
	Anchor string `json:"anchor"`
	*proof.Result
}

func (g *globals) verify(path, anchor string) error {
	trusted, err := g.anchor(anchor)
	if err != nil {
		return err
	}
	data, err := readBounded(path, proof.MaxFile)
	if err != nil {
		return err
	}
	file, err := proof.Decode(data)
	if err != nil {
		return fmt.Errorf("%s: %w; give a file that portcullis prove wrote", path, err)
	}
	r := proof.Verify(file, trusted)
	if err := g.say(verified{r.OK(), trusted.String(), r}, "%s", resultText(r)); err != nil {
		return err
	}
	if !r.OK() {
		return silent(exitError)
	}
	return nil
}

// resultText is a result for people.
func resultText(r *proof.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Proof that intent %s is %s\n\n", r.Intent, r.Kind)
	for _, s := range r.Steps {
		mark := "holds"
		if !s.Established {
			mark = "FAILS"
		}
		fmt.Fprintf(&b, "%s  %-10s  %s\n%19s%s\n", mark, s.Name, s.What, "", printable([]byte(s.Detail)))
	}
	b.WriteString("\nNot established by this file:\n")
	for _, limit := range r.NotEstablished {
		fmt.Fprintf(&b, "  - %s\n", limit)
	}
	if r.OK() {
		fmt.Fprintf(&b, "\nVERIFIED: all %d steps hold.\n", len(r.Steps))
	} else {
		fmt.Fprintf(&b, "\nNOT VERIFIED: the step %s fails.\n", r.Failed())
	}
	return b.String()
}

// anchor is the trust anchor that a flag names, or the data folder's.
func (g *globals) anchor(text string) (trust.Digest, error) {
	if text == "" {
		f, err := g.fabric()
		if err != nil {
			return trust.Digest{}, fmt.Errorf("no --anchor, and no data folder that has one: %w", err)
		}
		return f.Ledger, nil
	}
	if digest, err := trust.ParseDigest(text); err == nil {
		return digest, nil
	}
	data, err := readBounded(text, schemas.MaxEnvelope)
	if errors.Is(err, fs.ErrNotExist) {
		return trust.Digest{}, usage(fmt.Errorf("--anchor %.80q is neither 64 hexadecimal digits nor a file", text))
	}
	if err != nil {
		return trust.Digest{}, err
	}
	return anchorIn(text, data)
}

// anchorIn reads a digest, or the genesis record that it is of.
func anchorIn(path string, data []byte) (trust.Digest, error) {
	if digest, err := trust.ParseDigest(strings.TrimSpace(string(data))); err == nil {
		return digest, nil
	}
	env, err := trust.ParseEnvelope(data)
	record := new(pb.Governance)
	if err != nil || schemas.Decode(env.Payload, schemas.MaxPayload, record) != nil || record.GetGenesis() == nil {
		return trust.Digest{}, usage(fmt.Errorf("--anchor %s holds neither 64 hexadecimal digits nor a genesis record", path))
	}
	return trust.DigestOf(env.Payload), nil
}

// readBounded reads a file, or standard input for -, of at most limit bytes.
func readBounded(path string, limit int64) ([]byte, error) {
	var from io.Reader = os.Stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer func() { _ = file.Close() }() // it was only read
		from = file
	}
	data, err := io.ReadAll(io.LimitReader(from, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s has more than %d bytes; it is not what it should be", path, limit)
	}
	return data, err
}
