package extauthz

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"

	"github.com/portcullis-dev/portcullis/executor"
	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
	"github.com/portcullis-dev/portcullis/gateway/proxy"
	"github.com/portcullis-dev/portcullis/gateway/proxy/mapping"
)

// Config is what the service needs. All fields are required.
type Config struct {
	Gateway *proxy.Gateway
	Table   *mapping.Table
	Logger  *slog.Logger
}

// Server implements authv3.AuthorizationServer. Make one with New.
type Server struct {
	authv3.UnimplementedAuthorizationServer
	cfg Config
}

// New prepares the service.
func New(cfg Config) (*Server, error) {
	if cfg.Gateway == nil || cfg.Table == nil || cfg.Logger == nil {
		return nil, errors.New("extauthz: Gateway, Table and Logger are required")
	}
	return &Server{cfg: cfg}, nil
}

// maxCheck bounds one question, in bytes: the largest body, and what stands around it.
const maxCheck = mapping.MaxBody + 256<<10

// GRPC is a gRPC server with this service.
func (s *Server) GRPC() *grpc.Server {
	server := grpc.NewServer(grpc.MaxRecvMsgSize(maxCheck))
	authv3.RegisterAuthorizationServer(server, s)
	return server
}

// Check implements authv3.AuthorizationServer. It answers OK on a permit, and
// otherwise denies with a status and a body; it returns no error, since an Envoy may
// have been told to let errors pass.
func (s *Server) Check(ctx context.Context, r *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	asked := r.GetAttributes().GetRequest().GetHttp()
	m, call, err := s.read(asked)
	if err != nil {
		s.cfg.Logger.Warn("a request was refused before anything was proposed", "method", asked.GetMethod(), "err", err)
		return denied(proxy.Refusal(err)), nil
	}
	return s.ask(ctx, call, m), nil
}

func (s *Server) read(asked *authv3.AttributeContext_HttpRequest) (m mapping.Message, call mapping.Call, err error) {
	if m, err = message(asked); err != nil {
		return m, call, err
	}
	if call, err = s.cfg.Table.Read(m); err != nil {
		return m, call, err
	}
	return m, call, joined(asked, call)
}

// ask proposes the call. The answer is what the act admitted, whatever became of the
// record about it: Envoy forwards, or has gone.
func (s *Server) ask(ctx context.Context, call mapping.Call, m mapping.Message) *authv3.CheckResponse {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	a := &admission{admitted: stop}
	_, began, err := s.cfg.Gateway.Ask(ctx, call, a.act)
	if action := a.action(); action != nil {
		return admitted(call, m, *action)
	}
	return denied(proxy.ProblemOf(err, began))
}

// admission is one call that waits for its permit.
type admission struct {
	admitted func() // ends the wait: Envoy is not to wait for the record of its own admission

	mu   sync.Mutex
	done *executor.Action
}

// act runs in the executor, on a permit, at most once.
func (a *admission) act(ctx context.Context, action executor.Action) (executor.Result, error) {
	if err := context.Cause(ctx); err != nil {
		return executor.Result{}, err
	}
	a.mu.Lock()
	a.done = &action
	a.mu.Unlock()
	a.admitted()
	text, err := jsonrpc.Encode(map[string]bool{"admitted": true})
	return executor.Result{Data: text}, err
}

func (a *admission) action() *executor.Action {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.done
}
