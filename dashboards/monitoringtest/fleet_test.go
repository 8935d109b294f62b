//go:build prometheus

package monitoringtest_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/portcullis-dev/portcullis/schemas"
)

// samples is how many samples each made-up series has after its first, one in fifteen
// seconds: forty minutes.
const samples = 160

// fleet is made-up series by their names, in promtool's notation.
type fleet map[string]string

// flat is a value that stays.
func flat(v float64) string { return fmt.Sprintf("%v+0x%d", v, samples) }

// rising grows by a step each fifteen seconds.
func rising(from, step float64) string { return fmt.Sprintf("%v+%vx%d", from, step, samples) }

// steps is a value that changes: before it, after so many minutes, there was another.
func steps(before float64, minutes int, then float64) string {
	return fmt.Sprintf("%v+0x%d %v+0x%d", before, 4*minutes-1, then, samples-4*minutes)
}

// late is a series that begins after so many minutes.
func late(minutes int, value float64) string {
	return fmt.Sprintf("_x%d %v+0x%d", 4*minutes, value, samples-4*minutes)
}

// series is the name of a series of zone home, with more labels given as pairs.
func series(family string, labels ...string) string { return seriesOf("home", family, labels...) }

func seriesOf(zone, family string, labels ...string) string {
	all := []string{`instance="` + zone + `:9464"`, `job="portcullis"`, `zone="` + zone + `"`}
	for i := 0; i+1 < len(labels); i += 2 {
		all = append(all, labels[i]+`="`+labels[i+1]+`"`)
	}
	slices.Sort(all)
	return family + "{" + strings.Join(all, ",") + "}"
}

// without removes a family's series of zone home.
func (f fleet) without(family string) {
	maps.DeleteFunc(f, func(name, _ string) bool {
		return strings.HasPrefix(name, family+"{") && strings.Contains(name, `zone="home"`)
	})
}

// healthy is two zones in which all is well: what is the matter in one must not be said
// of the other.
func healthy() fleet {
	f := fleet{}
	for _, zone := range []string{"home", "away"} {
		f.zone(func(family, value string, labels ...string) { f[seriesOf(zone, family, labels...)] = value })
	}
	return f
}

func (fleet) zone(set func(family, value string, labels ...string)) {
	set("up", flat(1))
	set("process_start_time_seconds", flat(1000))
	set("portcullis_ledger_position", rising(100, 30))
	for role, name := range map[string]string{"enforcer": "e1", "executor": "x1", "sentinel": "s1", "recorder": "r1"} {
		part := []string{"role", role, "name", name}
		set("portcullis_armed", flat(1), part...)
		set("portcullis_heartbeat_age_seconds", flat(0.2), "name", "s1", "role", role, "participant", name)
		if role == "enforcer" || role == "executor" {
			set("portcullis_epoch", flat(3), part...)
			set("portcullis_noise_total", flat(2), part...)
		}
		if role != "sentinel" {
			set("portcullis_position", rising(100, 30), part...)
		}
	}
	set("portcullis_halted", flat(0), "name", "x1")
	set("portcullis_abandoned_total", flat(0), "name", "x1")
	set("portcullis_divergences_total", flat(0), "name", "e1")
	set("portcullis_pulses_total", rising(0, 30), "name", "s1")
	set("portcullis_trips_total", flat(0), "name", "s1")
	set("portcullis_tree_size", rising(95, 30), "name", "r1")
	set("portcullis_checkpoints_total", rising(0, 10), "name", "r1")
	set("portcullis_cosignatures", flat(2), "name", "r1")
	set("portcullis_trace_export_failures_total", flat(0))
	for _, r := range schemas.DriftRules() {
		set("portcullis_drift_findings", flat(0), "name", "s1", "rule", r.Name, "level", "warn")
		set("portcullis_drift_findings", flat(0), "name", "s1", "rule", r.Name, "level", "trip")
	}
	for _, reason := range []string{"halted", "intent.forged", "policy.error", "policy.forbidden", "release.expired", "tool.definition"} {
		set("portcullis_denials_total", flat(0), "name", "e1", "reason", reason)
	}
	for _, reason := range []string{"claim.denied", "claim.second"} {
		set("portcullis_void_claims_total", flat(0), "name", "x1", "reason", reason)
	}
	for status, value := range map[string]string{"executed": rising(0, 10), "failed": flat(3), "indeterminate": flat(0)} {
		set("portcullis_outcomes_total", value, "name", "x1", "tool", "file-read", "status", status)
	}
	buckets(set, "portcullis_decision_seconds_bucket", "0.001", "name", "e1")
	buckets(set, "portcullis_stage_seconds_bucket", "0.001", "role", "enforcer", "name", "e1", "stage", "record")
	buckets(set, "portcullis_stage_seconds_bucket", "0.001", "role", "executor", "name", "x1", "stage", "start")
}

// bounds are buckets of a histogram, as text and in their order.
var bounds = []string{"0.0005", "0.001", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"}

// buckets makes a histogram whose samples all lie in the bucket of one bound.
func buckets(set func(family, value string, labels ...string), family, bound string, labels ...string) {
	reached := false
	for _, b := range bounds {
		value := flat(0)
		if reached = reached || b == bound; reached {
			value = rising(0, 30)
		}
		set(family, value, append(slices.Clone(labels), "le", b)...)
	}
}

// slow moves a histogram of zone home into the bucket of a bound.
func (f fleet) slow(family, bound string, labels ...string) {
	buckets(func(family, value string, labels ...string) { f[series(family, labels...)] = value }, family, bound, labels...)
}
