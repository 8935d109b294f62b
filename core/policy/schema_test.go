package policy_test

import (
	"testing"

	"github.com/portcullis-dev/portcullis/core/policy"
)

func TestSchema(t *testing.T) {
	cfg := config("")
	cfg.Tools = cfg.Tools[:1]
	const want = `entity Agent in Group {
	clearance: Long,
	skills?: Set<String>,
	team?: String
};

entity File {
	id: String
};

entity Group;

action all;

action "file-read" in all appliesTo {
	principal: Agent,
	resource: File,
	context: {
		arguments: {
			limit?: Long,
			path: String
		},
		delegator?: Agent,
		environment: {
			ticket?: String
		},
		session: {
			sequence: Long
		},
		time: Long,
		usage: {
			daily: Long
		}
	}
};
`
	for range 20 {
		if got := policy.Schema(cfg); got != want {
			t.Fatalf("got\n%s", got)
		}
	}
}
