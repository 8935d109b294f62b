package zone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
)

// Listen says which server of a fabric it is that an operator runs, where it is to
// listen and to keep its store. Zero fields mean what the fabric says.
type Listen struct {
	Number   int    // from 1: which of the fabric's servers; 0 means the only one
	Host     string // "" means that of the server's URL; of a server alone, this machine
	Port     int    // 0 means that of the server's URL; of a server alone, the fabric's
	StoreDir string // "" means a folder in the fabric's

	// Routes are where the servers of a cluster reach each other, host:port, in the
	// order of the fabric's URLs; nil means the URLs' hosts at their ports and 2000.
	Routes    []string
	RouteHost string // where this one listens for the others; "" means Host
	RoutePort int    // 0 means that of its route

	TLSDir string // folder of fabric.ServerTLSIn; required by tls:// URLs
}

// routeOffset is how far beyond its port for clients a server listens for others.
const routeOffset = 2000

// BrokerConfig is the configuration of one server that an operator runs. It lets
// in whoever has a folder in the fabric now; print it again when somebody is
// enrolled, for every server of the cluster. It holds the cluster's password.
func BrokerConfig(f *fabric.Fabric, at Listen) (string, error) {
	participants, err := Participants(f)
	if err != nil {
		return "", err
	}
	release, err := f.Release()
	if err != nil {
		return "", err
	}
	operator, err := f.Operator()
	if err != nil {
		return "", err
	}
	params := streams.ConfigParams{Durability: durabilityOf(release.Proto.GetDurability()), Admins: []string{operator.NKeyPublic}, Participants: participants}
	if err := at.place(f, &params); err != nil {
		return "", fmt.Errorf("zone: configuration of a broker: %w", err)
	}
	return streams.Config(params)
}

// place fills in which server it is and where it stands.
func (at Listen) place(f *fabric.Fabric, p *streams.ConfigParams) error {
	p.Host, p.Port, p.StoreDir = at.Host, at.Port, at.StoreDir
	servers := f.NATS.Servers()
	switch {
	case f.NATS.Secure() != (at.TLSDir != "") && !f.NATS.Embedded():
		return errors.New("the fabric's servers are tls:// and no folder of certificates is given, or they are not and one is; give the folder for tls:// only")
	case at.TLSDir != "":
		files := fabric.ServerTLSIn(at.TLSDir, max(at.Number, 1))
		p.TLS = &streams.ServerTLS{Cert: files.Cert, Key: files.Key, CA: files.CA}
	}
	switch {
	case f.NATS.Embedded() && at.Number > 1, at.Number > len(servers), at.Number < 0:
		return fmt.Errorf("number %d; the fabric has servers 1 to %d", at.Number, len(servers))
	case f.NATS.Embedded():
		p.Port, p.StoreDir = orInt(p.Port, f.NATS.Port), orText(p.StoreDir, f.ServerDir())
		return nil
	case at.Number == 0 && len(servers) > 1:
		return fmt.Errorf("the fabric has %d servers; say which, from 1", len(servers))
	}
	n := max(at.Number, 1)
	host, port, err := hostPort(servers[n-1])
	if err != nil {
		return err
	}
	p.ServerName = fmt.Sprintf("%s-%d", f.Zone, n)
	p.Host, p.Port, p.StoreDir = orText(p.Host, host), orInt(p.Port, port), orText(p.StoreDir, fmt.Sprintf("%s-%d", f.ServerDir(), n))
	if len(servers) == 1 {
		return nil
	}
	p.Cluster, err = at.cluster(f, n, p.Host)
	return err
}

// cluster says how the n-th server finds the others.
func (at Listen) cluster(f *fabric.Fabric, n int, host string) (*streams.Cluster, error) {
	routes, err := at.routes(f.NATS.Servers())
	if err != nil {
		return nil, err
	}
	_, port, err := hostPort("nats-route://" + routes[n-1])
	if err != nil {
		return nil, fmt.Errorf("route: %w", err)
	}
	c := &streams.Cluster{Name: f.Zone, Host: orText(at.RouteHost, host), Port: orInt(at.RoutePort, port)}
	c.Routes = append(append(c.Routes, routes[:n-1]...), routes[n:]...)
	c.Password, err = f.RouteSecret()
	return c, err
}

func (at Listen) routes(servers []string) ([]string, error) {
	if at.Routes != nil && len(at.Routes) != len(servers) {
		return nil, fmt.Errorf("%d routes for %d servers; name one for each, in the same order", len(at.Routes), len(servers))
	}
	if at.Routes != nil {
		return at.Routes, nil
	}
	var all []string
	for _, server := range servers {
		host, port, err := hostPort(server)
		if err != nil {
			return nil, err
		}
		if port+routeOffset > 65535 {
			return nil, fmt.Errorf("server %s: no port %d beyond its own; name the routes", server, routeOffset)
		}
		all = append(all, net.JoinHostPort(host, strconv.Itoa(port+routeOffset)))
	}
	return all, nil
}

func hostPort(address string) (host string, port int, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", 0, fmt.Errorf("address %q cannot be read; give host:port", address)
	}
	if port, err = strconv.Atoi(u.Port()); err != nil || u.Hostname() == "" {
		return "", 0, fmt.Errorf("address %q is not host:port", u.Host)
	}
	return u.Hostname(), port, nil
}

func orText(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

func orInt(n, fallback int) int {
	if n == 0 {
		return fallback
	}
	return n
}

// Founded is what FoundAt found or made.
type Founded struct {
	Servers []string // that keep the ledger, by name, its leader first
	Absent  []string // of them, those that take no part now
}

// ErrRelaxed reports servers that do not keep what they acknowledge as the release
// in force demands.
var ErrRelaxed = errors.New("zone: a server does not sync always, and the release does not say that records may be lost")

// FoundAt makes the fabric's streams on servers that run BrokerConfig, or verifies
// them, and brings their ledger up to date. It waits for servers that are missing:
// for all of them to make streams, else for enough of them to agree. It is safe to
// repeat.
func FoundAt(ctx context.Context, f *fabric.Fabric, b Broker, log *slog.Logger) (Founded, error) {
	operator, err := f.Operator()
	if err != nil {
		return Founded{}, err
	}
	conn, err := b.connect(ctx, "", "operator", operator.NKeySeed, log)
	if err != nil {
		return Founded{}, err
	}
	defer conn.Close()
	if err := conn.Ensure(ctx, streams.ZoneConfig{Zone: f.Zone, Replicas: f.NATS.Replicas}); err != nil {
		return Founded{}, err
	}
	none := fmt.Errorf("zone: no governor's key is in %s; found the ledger where one is", f.Dir)
	governor, err := b.connectAnyGovernor(ctx, f, none, log)
	if err != nil {
		return Founded{}, err
	}
	defer governor.Close()
	if err := foundOn(ctx, f, governor, log); err != nil {
		return Founded{}, err
	}
	var done Founded
	done.Servers, done.Absent, err = governor.Servers(ctx)
	return done, err
}

// foundOn appends what the ledger lacks, on servers that keep what they
// acknowledge.
func foundOn(ctx context.Context, f *fabric.Fabric, conn *streams.Conn, log *slog.Logger) error {
	release, err := f.Release()
	if err != nil {
		return err
	}
	if release.Proto.GetDurability() != pb.Durability_DURABILITY_RELAXED_SYNC_MAY_LOSE_RECORDS {
		synced, err := verifySync(ctx, conn, log)
		if err != nil {
			return err
		}
		if synced != streams.SyncAlways {
			return fmt.Errorf("%w; print its configuration again with: portcullis broker config", ErrRelaxed)
		}
	}
	return Append(ctx, f, conn)
}

// verifySync asks until it is known whether the servers sync: of one that has just
// gone, the others do not know it for some seconds.
func verifySync(ctx context.Context, conn *streams.Conn, log *slog.Logger) (streams.Durability, error) {
	const again = time.Second
	for {
		synced, err := conn.VerifySync(ctx, 1)
		if err == nil {
			return synced, nil
		}
		log.Warn("waiting until the servers have said whether they sync", "err", err)
		select {
		case <-ctx.Done():
			return synced, err
		case <-time.After(again):
		}
	}
}

// BrokerOf is where a fabric's folder says that its broker is.
func BrokerOf(f *fabric.Fabric) Broker { return Broker{URL: f.NATS.URL, CA: f.NATS.CA} }
