package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
)

func newKeysSealingCommand(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use:   "sealing",
		Short: "List the keys that arguments may be sealed to, and who holds them",
		Long: `Lists the sealing keys of the release in force and of the folders here, and which
enforcers and executors hold the private half. It prints no secret.

JSON: one object each: {"id","listed","public_key","holders":[{"role","name","here","holds"}]}; public_key is
hexadecimal, and left out for a key that the release does not list.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			f, err := g.fabric()
			if err != nil {
				return err
			}
			return g.listSealingKeys(f)
		},
	}
	c.AddCommand(newSealingNewCommand(g), newSealingEraseCommand(g))
	return c
}

// sealingLine is one line of `keys sealing --json`.
type sealingLine struct {
	ID        string       `json:"id"`
	Listed    bool         `json:"listed"`
	PublicKey string       `json:"public_key,omitempty"`
	Holders   []holderLine `json:"holders"`
}

type holderLine struct {
	Role  string `json:"role"`
	Name  string `json:"name"`
	Path  string `json:"path,omitempty"`
	Here  bool   `json:"here"`
	Holds bool   `json:"holds"`
}

func (g *globals) listSealingKeys(f *fabric.Fabric) error {
	ids, err := f.SealingIDs()
	if err != nil {
		return err
	}
	release, err := f.Release()
	if err != nil {
		return err
	}
	for _, id := range ids {
		line := sealingLine{ID: id, Holders: []holderLine{}}
		for _, k := range release.Proto.GetSealingKeys() {
			if k.GetId() == id {
				line.Listed, line.PublicKey = true, fmt.Sprintf("%x", k.GetPublicKey())
			}
		}
		holders, err := f.SealingHolders(id)
		if err != nil {
			return err
		}
		for _, h := range holders {
			line.Holders = append(line.Holders, holderLine{Role: trust.RoleName(h.Role), Name: h.Name, Here: h.Here, Holds: h.Holds})
		}
		if err := g.say(line, "%-16s %-10s %s\n", id, listedText(line.Listed), holdersText(line.Holders)); err != nil {
			return err
		}
	}
	return nil
}

func listedText(listed bool) string {
	if listed {
		return "listed"
	}
	return "not listed"
}

func holdersText(holders []holderLine) string {
	words := make([]string, len(holders))
	for i, h := range holders {
		switch {
		case h.Holds:
			words[i] = h.Name
		case h.Here:
			words[i] = h.Name + " (lacks it)"
		default:
			words[i] = h.Name + " (elsewhere)"
		}
	}
	return strings.Join(words, ", ")
}

// elsewhereLines are holders on other machines.
func elsewhereLines(holders []fabric.SealingHolder) []holderLine {
	lines := make([]holderLine, len(holders))
	for i, h := range holders {
		lines[i] = holderLine{Role: trust.RoleName(h.Role), Name: h.Name, Path: h.Path}
	}
	return lines
}

func newSealingNewCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "new ID",
		Short: "Make a sealing key, or complete one",
		Long: `Makes a sealing key: its private half goes into the folder of every enforcer and
executor here, its public half into release/release.yaml. Bring the private half
to those elsewhere, then publish the release: an enforcer that lacks a key which
the release lists is silent. The same again serves members enrolled since.

JSON: {"event":"sealing_key","id","public_key","made","written":[…],"elsewhere":[{"role","name","path"}],"source","noted"}`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := schemas.CheckName(args[0]); err != nil {
				return usage(fmt.Errorf("%w; choose another id", err))
			}
			f, err := g.fabric()
			if err != nil {
				return err
			}
			made, err := f.NewSealingKey(args[0])
			if err != nil {
				return err
			}
			return g.sealingMade(made)
		},
	}
}

func (g *globals) sealingMade(made *fabric.SealingMade) error {
	away := elsewhereLines(made.Elsewhere)
	var text strings.Builder
	fmt.Fprintf(&text, "sealing key %s: %s\n", made.Key.ID(), map[bool]string{true: "a new pair", false: "it was here"}[made.Made])
	for _, path := range made.Written {
		fmt.Fprintf(&text, "  private half in %s\n", path)
	}
	for _, h := range away {
		fmt.Fprintf(&text, "  bring it to %s %s: %s, as %s\n", h.Role, h.Name, made.Source, h.Path)
	}
	if made.Noted {
		text.WriteString("  public half in release.yaml; when every holder has its half: portcullis release plan\n")
	}
	return g.say(map[string]any{
		"event": "sealing_key", "id": made.Key.ID(), "public_key": fmt.Sprintf("%x", made.Key.Proto().GetPublicKey()), "made": made.Made,
		"written": nonNil(made.Written), "elsewhere": away, "source": made.Source, "noted": made.Noted,
	}, "%s", text.String())
}

func newSealingEraseCommand(g *globals) *cobra.Command {
	var despite bool
	c := &cobra.Command{
		Use:   "erase ID",
		Short: "Erase a sealing key, and with it all that was sealed to it",
		Long: `Shreds the private half of a sealing key in every folder here. When every copy is
gone, nobody can read what was sealed to it, and every signature, digest and proof
still verifies. It cannot be undone.

First take the key out of release.yaml and publish; then wait for bounds.memory
with the enforcers running, so that all that was sealed to it is decided; then
erase it, here, on other machines and in backups, and start enforcers and
executors again, which hold it in memory. Sooner is refused: enforcers without a
key that verdicts rest on fall silent.

JSON: {"event":"sealing_key_erased","id","erased":[…],"elsewhere":[{"role","name","path"}]}`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := g.fabric()
			if err != nil {
				return err
			}
			erased, err := f.EraseSealingKey(args[0], despite)
			if err != nil {
				return err
			}
			return g.sealingErased(args[0], erased)
		},
	}
	c.Flags().BoolVar(&despite, "yes-really", false, "erase it although verdicts rest on it: enforcers may fall silent")
	return c
}

func (g *globals) sealingErased(id string, erased *fabric.SealingErased) error {
	away := elsewhereLines(erased.Elsewhere)
	var text strings.Builder
	fmt.Fprintf(&text, "sealing key %s: %d files erased here\n", id, len(erased.Erased))
	for _, path := range erased.Erased {
		fmt.Fprintf(&text, "  %s\n", path)
	}
	for _, h := range away {
		fmt.Fprintf(&text, "  may be with %s %s on another machine: its folder's sealing/%s.key\n", h.Role, h.Name, id)
	}
	text.WriteString("  erase it in backups too, and start enforcers and executors again: they hold it in memory\n")
	return g.say(map[string]any{"event": "sealing_key_erased", "id": id, "erased": nonNil(erased.Erased), "elsewhere": away}, "%s", text.String())
}

// nonNil is a list in JSON, never null.
func nonNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
