package monitoringtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"go.yaml.in/yaml/v3"
)

// Rule is one rule of a Prometheus rule file: it records a series, or it alerts.
type Rule struct {
	Record      string            `yaml:"record,omitempty"`
	Alert       string            `yaml:"alert,omitempty"`
	Expr        string            `yaml:"expr"`
	For         time.Duration     `yaml:"for,omitempty"`
	Labels      map[string]string `yaml:"labels,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
}

// Group is rules that are evaluated one after the other.
type Group struct {
	Name  string `yaml:"name"`
	Rules []Rule `yaml:"rules"`
}

// ReadRules reads a rule file. It is strict: a key that is unknown, a rule that neither
// records nor alerts or does both, and one without an expression are errors.
func ReadRules(text []byte) ([]Group, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	var file struct {
		Groups []Group `yaml:"groups"`
	}
	if err := decoder.Decode(&file); err != nil {
		return nil, fmt.Errorf("monitoringtest: rules: %w", err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("monitoringtest: rules: the file holds more than one document; keep one")
	}
	for _, g := range file.Groups {
		for i, r := range g.Rules {
			if (r.Record == "") == (r.Alert == "") || r.Expr == "" {
				return nil, fmt.Errorf("monitoringtest: rules: group %q, rule %d: give it either record or alert, and an expr", g.Name, i+1)
			}
		}
	}
	return file.Groups, nil
}

// Rules is the rules of groups, in order.
func Rules(groups []Group) []Rule {
	var all []Rule
	for _, g := range groups {
		all = append(all, g.Rules...)
	}
	return all
}
