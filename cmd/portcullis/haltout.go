package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/zone"
)

// haltOut signs a halt and writes it to a file. It stops nothing yet.
func (g *globals) haltOut(flags haltFlags) error {
	if err := flags.check(); err != nil {
		return err
	}
	f, err := g.fabric()
	if err != nil {
		return err
	}
	record, scope, err := flags.record(f)
	if err != nil {
		return err
	}
	names, unusable := zone.GovernorsHere(f)
	if len(names) == 0 {
		return &failure{exitLocalState, errors.Join(unusable, fmt.Errorf("no governor's key is in %s; sign where one is", f.Dir))}
	}
	data, err := f.SignGovernance(record, names...)
	if err != nil {
		return err
	}
	env, err := trust.ParseEnvelope(data)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(flags.out); err == nil {
		return &failure{exitLocalState, fmt.Errorf("%s is there already; name a file that does not exist with --out", flags.out)}
	}
	if err := replaceDurably(flags.out, []byte(base64.StdEncoding.EncodeToString(data)+"\n")); err != nil {
		return &failure{exitLocalState, err}
	}
	id, spelt := trust.DigestOf(env.Payload), governance.ScopeString(scope)
	return g.say(map[string]any{"event": "signed", "file": flags.out, "halt": id.String(), "scope": spelt, "drill": flags.drill},
		"signed a halt of %s, %s, in %s\nnothing is halted before it stands on the ledger: hand it in, for example in the console\n", spelt, id.Short(), flags.out)
}
