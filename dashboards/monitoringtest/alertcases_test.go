//go:build prometheus

package monitoringtest_test

import "strings"

// fires is one alert that must fire, by its labels as name and value in turn. Severity,
// and the zone home unless another is given, go without saying.
type fires struct {
	alert  string
	labels []string
}

func fire(alert string, labels ...string) fires { return fires{alert, labels} }

// alertCase is one thing that is the matter in zone home. What it does not want to fire
// must not.
type alertCase struct {
	name  string
	spoil func(fleet)
	want  []fires
	rules func(recording string) string // what stands in recording.yml; nil: what we ship
}

// set is the commonest fault: one series has other values.
func set(value, family string, labels ...string) func(fleet) {
	return func(f fleet) { f[series(family, labels...)] = value }
}

func finding(level, rule string) func(fleet) {
	return set(flat(1), "portcullis_drift_findings", "name", "s1", "rule", rule, "level", level)
}

// denied is one denial, five minutes before the end.
func denied(reason string) func(fleet) {
	return set(steps(0, 27, 1), "portcullis_denials_total", "name", "e1", "reason", reason)
}

// target is the labels of whatever says them all.
var target = []string{"instance", "home:9464", "job", "portcullis"}

func alertCases() []alertCase {
	cases := append(watchedCases(), armedCases()...)
	cases = append(cases, governanceCases()...)
	cases = append(cases, decisionCases()...)
	cases = append(cases, actionCases()...)
	cases = append(cases, driftCases()...)
	return append(cases, evidenceCases()...)
}

func watchedCases() []alertCase {
	return []alertCase{
		{name: "all is well"},
		{name: "nothing is scraped", spoil: func(f fleet) {
			delete(f, series("up"))
			delete(f, seriesOf("away", "up"))
		}, want: []fires{fire("PortcullisNotWatched", "zone", "", "job", "portcullis")}},
		{name: "a zone is not scraped any more", spoil: func(f fleet) {
			for name := range f {
				if strings.Contains(name, `zone="home"`) {
					delete(f, name)
				}
			}
			f[series("up")] = "1+0x79 stale"
		}, want: []fires{fire("PortcullisZoneGone")}},
		{name: "a target is down", spoil: set(flat(0), "up"), want: []fires{fire("PortcullisTargetDown", target...)}},
		{name: "a process keeps starting", spoil: set("1+0x100 2+0x3 3+0x3 4+0x50", "process_start_time_seconds"), want: []fires{fire("PortcullisRestarts", target...)}},
		{name: "a process was started once", spoil: set(steps(1, 27, 2), "process_start_time_seconds")},
		{name: "recording.yml is not loaded", rules: func(string) string { return "groups: []\n" }, want: []fires{
			fire("PortcullisRecordingAbsent", "zone", ""), fire("PortcullisZoneGone"), fire("PortcullisZoneGone", "zone", "away"),
		}},
	}
}

func armedCases() []alertCase {
	var cases []alertCase
	for role, name := range map[string]string{"enforcer": "e1", "executor": "x1", "sentinel": "s1", "recorder": "r1"} {
		alert := "PortcullisNo" + strings.ToUpper(role[:1]) + role[1:] + "Armed"
		cases = append(cases, alertCase{name: "the only " + role + " is not armed", spoil: set(flat(0), "portcullis_armed", "role", role, "name", name), want: []fires{
			fire(alert), fire("PortcullisPartNotArmed", "role", role, "name", name),
		}}, alertCase{name: "no " + role + " is seen", spoil: func(f fleet) {
			delete(f, series("portcullis_armed", "role", role, "name", name))
		}, want: []fires{fire(alert)}})
	}
	return append(cases, []alertCase{
		{name: "one of two executors is not armed", spoil: set(flat(0), "portcullis_armed", "role", "executor", "name", "x2"), want: []fires{
			fire("PortcullisPartNotArmed", "role", "executor", "name", "x2"),
		}},
		{name: "everything is halted", spoil: set(flat(1), "portcullis_halted", "name", "x1"), want: []fires{fire("PortcullisHalted")}},
		{name: "an agent is halted and asks", spoil: denied("halted"), want: []fires{fire("PortcullisDeniedAsHalted")}},
		{name: "the broker is silent", spoil: func(f fleet) { delete(f, series("portcullis_ledger_position")) }, want: []fires{fire("PortcullisBrokerSilent")}},
	}...)
}

func governanceCases() []alertCase {
	return []alertCase{
		{name: "a governance record took effect", spoil: func(f fleet) {
			f[series("portcullis_epoch", "role", "enforcer", "name", "e1")] = steps(3, 25, 4)
			f[series("portcullis_epoch", "role", "executor", "name", "x1")] = steps(3, 25, 4)
		}, want: []fires{fire("PortcullisGovernanceMoved")}},
		{name: "an executor stays in its epoch", spoil: set(flat(4), "portcullis_epoch", "role", "enforcer", "name", "e1"), want: []fires{fire("PortcullisEpochsDiffer")}},
		{name: "the release expires soon", spoil: finding("warn", "release.stale"), want: []fires{fire("PortcullisReleaseExpiresSoon")}},
		{name: "the release has expired, says a sentinel", spoil: finding("trip", "release.stale"), want: []fires{
			fire("PortcullisReleaseExpired"), fire("PortcullisDriftTrips", "rule", "release.stale"),
		}},
		{name: "the release has expired, says a denial", spoil: denied("release.expired"), want: []fires{fire("PortcullisReleaseExpired")}},
		{name: "no pulse", spoil: set(flat(40), "portcullis_pulses_total", "name", "s1"), want: []fires{fire("PortcullisPulsesStopped")}},
		{name: "one of two sentinels has no pulse", spoil: set(flat(40), "portcullis_pulses_total", "name", "s2")},
		{name: "a participant is silent", spoil: set(rising(0, 15), "portcullis_heartbeat_age_seconds", "name", "s1", "role", "executor", "participant", "x1"), want: []fires{
			fire("PortcullisHeartbeatOld", "role", "executor", "participant", "x1"),
		}},
		{name: "one of two sentinels does not hear it", spoil: set(rising(0, 15), "portcullis_heartbeat_age_seconds", "name", "s2", "role", "executor", "participant", "x1")},
		{name: "an enforcer reads no further", spoil: set(flat(100), "portcullis_position", "role", "enforcer", "name", "e1"), want: []fires{
			fire("PortcullisBehind", append([]string{"role", "enforcer", "name", "e1"}, target...)...),
		}},
		{name: "an enforcer reads twenty seconds later", spoil: set(rising(60, 30), "portcullis_position", "role", "enforcer", "name", "e1")},
	}
}

func decisionCases() []alertCase {
	decisions, stages := "portcullis_decision_seconds_bucket", "portcullis_stage_seconds_bucket"
	slow := func(family, bound string, labels ...string) func(fleet) {
		return func(f fleet) { f.slow(family, bound, labels...) }
	}
	const often = "0+0x100 3+3x60"
	return []alertCase{
		{name: "decisions take ten seconds", spoil: slow(decisions, "10", "name", "e1"), want: []fires{
			fire("PortcullisDecisionsNearDeadline", "name", "e1"), fire("PortcullisDecisionsSlow", "name", "e1"),
		}},
		{name: "decisions take a second", spoil: slow(decisions, "1", "name", "e1"), want: []fires{fire("PortcullisDecisionsSlow", "name", "e1")}},
		{
			name: "agents give a second, and decisions take as long", spoil: slow(decisions, "1", "name", "e1"),
			rules: func(text string) string { return strings.Replace(text, "vector(10)", "vector(1)", 1) },
			want:  []fires{fire("PortcullisDecisionsNearDeadline", "name", "e1"), fire("PortcullisDecisionsSlow", "name", "e1")},
		},
		{name: "nobody asks for anything", spoil: func(f fleet) {
			for _, bound := range bounds {
				f[series(decisions, "name", "e1", "le", bound)] = flat(7)
			}
		}},
		{name: "the ledger is slow", spoil: slow(stages, "2.5", "role", "enforcer", "name", "e1", "stage", "record"), want: []fires{
			fire("PortcullisLedgerSlow", "role", "enforcer", "name", "e1", "stage", "record"),
		}},
		{name: "starts are slow", spoil: slow(stages, "0.25", "role", "executor", "name", "x1", "stage", "start"), want: []fires{
			fire("PortcullisStartsNearBound", "role", "executor", "name", "x1", "stage", "start"),
		}},
		{name: "more is denied than ever", spoil: set(often, "portcullis_denials_total", "name", "e1", "reason", "policy.forbidden"), want: []fires{
			fire("PortcullisDenialsUnusual", "reason", "policy.forbidden"),
		}},
		{name: "a new zone denies from its first minute", spoil: set("_x100 3+3x60", "portcullis_denials_total", "name", "e1", "reason", "policy.forbidden"), want: []fires{
			fire("PortcullisDenialsUnusual", "reason", "policy.forbidden"),
		}},
		{name: "as much is denied as always", spoil: set(rising(0, 3), "portcullis_denials_total", "name", "e1", "reason", "policy.forbidden")},
		{name: "a forged intent", spoil: denied("intent.forged"), want: []fires{fire("PortcullisHostileIntents", "reason", "intent.forged")}},
		{name: "another definition, says a denial", spoil: denied("tool.definition"), want: []fires{fire("PortcullisToolChanged")}},
		{name: "another definition, says a sentinel", spoil: finding("warn", "tool.definition"), want: []fires{fire("PortcullisToolChanged")}},
		{name: "a policy that errs", spoil: denied("policy.error"), want: []fires{fire("PortcullisPolicyBroken", "reason", "policy.error")}},
	}
}

func actionCases() []alertCase {
	void := func(reason string) func(fleet) {
		return set(steps(0, 27, 1), "portcullis_void_claims_total", "name", "x1", "reason", reason)
	}
	return []alertCase{
		{name: "an action is abandoned", spoil: set(steps(0, 27, 1), "portcullis_abandoned_total", "name", "x1"), want: []fires{fire("PortcullisAbandoned", "name", "x1")}},
		{name: "nobody knows what was done", spoil: set(steps(0, 27, 1), "portcullis_outcomes_total", "name", "x1", "tool", "file-read", "status", "indeterminate"), want: []fires{
			fire("PortcullisIndeterminate", "name", "x1", "tool", "file-read"),
		}},
		{name: "a tool fails", spoil: set(rising(0, 20), "portcullis_outcomes_total", "name", "x1", "tool", "file-read", "status", "failed"), want: []fires{
			fire("PortcullisToolFails", "tool", "file-read"),
		}},
		{name: "a tool fails at times", spoil: set(rising(0, 2), "portcullis_outcomes_total", "name", "x1", "tool", "file-read", "status", "failed")},
		{name: "a claim on what was denied", spoil: void("claim.denied"), want: []fires{fire("PortcullisClaimWithoutAuthority", "name", "x1", "reason", "claim.denied")}},
		{name: "another executor was faster", spoil: void("claim.second")},
	}
}

func driftCases() []alertCase {
	return []alertCase{
		{name: "a clone", spoil: finding("trip", "heartbeat.clone"), want: []fires{fire("PortcullisDriftTrips", "rule", "heartbeat.clone")}},
		{name: "a warning", spoil: finding("warn", "lag.exceeded"), want: []fires{fire("PortcullisDriftWarns", "rule", "lag.exceeded")}},
		{name: "a trip", spoil: set(steps(0, 27, 1), "portcullis_trips_total", "name", "s1"), want: []fires{fire("PortcullisTripped", "name", "s1")}},
		{name: "a trip of yesterday", spoil: set(flat(1), "portcullis_trips_total", "name", "s1")},
		{name: "a divergence from before anybody looked", spoil: set(flat(1), "portcullis_divergences_total", "name", "e1"), want: []fires{fire("PortcullisEnforcersDisagree", "name", "e1")}},
		{name: "two states", spoil: finding("trip", "state.mismatch"), want: []fires{
			fire("PortcullisEnforcersDisagree", "rule", "state.mismatch"), fire("PortcullisDriftTrips", "rule", "state.mismatch"),
		}},
		{name: "a rogue outcome", spoil: finding("trip", "outcome.rogue"), want: []fires{fire("PortcullisOutcomeRogue"), fire("PortcullisDriftTrips", "rule", "outcome.rogue")}},
		{name: "a fork", spoil: finding("trip", "checkpoint.fork"), want: []fires{fire("PortcullisLedgerForked"), fire("PortcullisDriftTrips", "rule", "checkpoint.fork")}},
		{name: "noise", spoil: set(rising(0, 10), "portcullis_noise_total", "role", "enforcer", "name", "e1"), want: []fires{fire("PortcullisNoise")}},
		{name: "some noise", spoil: set(rising(0, 1), "portcullis_noise_total", "role", "enforcer", "name", "e1")},
	}
}

func evidenceCases() []alertCase {
	answers := func(value, status string) func(fleet) {
		return set(value, "portcullis_witness_answers_total", "status", status)
	}
	return []alertCase{
		{name: "nothing is signed", spoil: set(flat(9), "portcullis_checkpoints_total", "name", "r1"), want: []fires{fire("PortcullisCheckpointsStopped")}},
		{name: "what is signed covers no more", spoil: set(flat(95), "portcullis_tree_size", "name", "r1"), want: []fires{fire("PortcullisCheckpointsBehind")}},
		{name: "the tree shrinks", spoil: set("95+30x100 50+30x60", "portcullis_tree_size", "name", "r1"), want: []fires{
			fire("PortcullisTreeShrank"), fire("PortcullisCheckpointsBehind"),
		}},
		{name: "three witnesses are wanted", rules: func(text string) string { return strings.Replace(text, "vector(0)", "vector(3)", 1) }, want: []fires{
			fire("PortcullisWitnessesMissing"), fire("PortcullisWitnessesMissing", "zone", "away"),
		}},
		{name: "two witnesses are wanted", rules: func(text string) string { return strings.Replace(text, "vector(0)", "vector(2)", 1) }},
		{name: "a witness stays away", spoil: set(steps(2, 10, 1), "portcullis_cosignatures", "name", "r1"), want: []fires{fire("PortcullisWitnessesFewer")}},
		{name: "a checkpoint waits for its cosignatures", spoil: set("2+0x110 0+0x2 2+0x50", "portcullis_cosignatures", "name", "r1")},
		{name: "a witness is shown another history", spoil: answers(late(27, 1), "422"), want: []fires{fire("PortcullisWitnessRefuses", append([]string{"status", "422"}, target...)...)}},
		{name: "and a second time", spoil: answers(steps(1, 27, 2), "422"), want: []fires{fire("PortcullisWitnessRefuses", append([]string{"status", "422"}, target...)...)}},
		{name: "a witness refused long ago", spoil: answers(flat(1), "422")},
		{name: "a witness asks to begin elsewhere", spoil: answers(late(27, 1), "409")},
		{name: "spans are lost", spoil: set(rising(0, 1), "portcullis_trace_export_failures_total"), want: []fires{fire("PortcullisSpansLost", "instance", "home:9464")}},
	}
}
