package door

import (
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

func TestWhoIsAnAgentByRights(t *testing.T) {
	may := func(subjects ...string) *server.Permissions {
		return &server.Permissions{Publish: &server.SubjectPermission{Allow: subjects}}
	}
	tests := map[string]struct {
		rights  *server.Permissions
		trusted bool
	}{
		"an agent":                       {may("fabric.z.credential.a", "fabric.z.intent.a"), false},
		"everybody's intents":            {may("fabric.*.intent.*"), false},
		"everything of a zone":           {may("fabric.z.>"), false},
		"everything":                     {may(">"), false},
		"any kind":                       {may("fabric.z.*.a"), false},
		"no list of what it may":         {may(), false},
		"nothing said of publishing":     {&server.Permissions{}, false},
		"an executor":                    {may("fabric.z.claim.t", "fabric.z.outcome.t"), true},
		"another word that begins alike": {may("fabric.z.intents.a"), true},
		"another prefix":                 {may("heartbeat.z.intent.a"), true},
		"short":                          {may("fabric.z"), true},
		"an administrator":               {nil, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			account := server.NewAccount("z_a")
			got := ByRights([]*server.NkeyUser{{Nkey: "U1", Permissions: tt.rights, Account: account}, {Nkey: "U2", Permissions: tt.rights}})
			want := []Guest{{Name: "z_a", Key: "U1", Trusted: tt.trusted}, {Name: "U2", Key: "U2", Trusted: tt.trusted}}
			if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
				t.Errorf("%+v, want %+v", got, want)
			}
		})
	}
}
