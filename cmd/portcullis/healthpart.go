package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

func newHealthPartCommand(g *globals) *cobra.Command {
	var socket string
	c := &cobra.Command{
		Use:   "part ROLE NAME --health SOCKET",
		Short: "Run one part, and answer whether it could act: for containers and supervisors",
		Long: `Runs an enforcer, executor, sentinel, recorder or auditor as the command of that
name does, and answers portcullis health at a Unix socket from its first moment. The
socket's folder is this user's alone, and made if it is missing. Nothing but the data
folder says how the part runs: of a recorder that is evidence.yaml.

JSON: {"event":"ready","role","name","server"}`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			role, err := partNamed(args[0])
			if err != nil {
				return err
			}
			return g.servePart(c.Context(), role, args[1], socket)
		},
	}
	c.Flags().StringVar(&socket, "health", "", "answer portcullis health at this socket, which is made")
	required(c, "health")
	return g.watched(c)
}

// partNamed finds the role of a part that a zone runs.
func partNamed(name string) (pb.Role, error) {
	for _, role := range []pb.Role{pb.Role_ROLE_ENFORCER, pb.Role_ROLE_EXECUTOR, pb.Role_ROLE_SENTINEL, pb.Role_ROLE_RECORDER, pb.Role_ROLE_AUDITOR} {
		if trust.RoleName(role) == name {
			return role, nil
		}
	}
	return 0, usage(fmt.Errorf("%q is no part; name enforcer, executor, sentinel, recorder or auditor", name))
}

// servePart runs a part until it is told to end. Its health can be asked for before
// it has reached a broker: then it says that it has not.
func (g *globals) servePart(ctx context.Context, role pb.Role, name, socket string) error {
	return g.runPart(ctx, role, name, partHooks{joined: func(z *zone.Zone) (func(), error) {
		door, err := z.OpenHealth(ctx, socket, role, name)
		if err != nil {
			return nil, &failure{exitLocalState, err}
		}
		return door.Close, nil
	}})
}
