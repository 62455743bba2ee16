package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/login"
	"github.com/rollcall-id/rollcall/netguard"
	"github.com/rollcall-id/rollcall/portal"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/saml"
	"github.com/rollcall-id/rollcall/scim"
	"github.com/rollcall-id/rollcall/scim/oauth"
	"github.com/rollcall-id/rollcall/store"
	"github.com/rollcall-id/rollcall/web"
)

const (
	// drainTime is how long a server whose disk failed goes on reading and says 503 at /readyz, before it ends.
	drainTime = 3 * time.Second
	// readyTime is how long the database may take to answer /readyz.
	readyTime = 2 * time.Second
	// gcPercent is Go's GOGC while the server runs, unless the environment says another: what lives is a few MiB, and requests
	// make much that dies at once.
	gcPercent = 800
	// inSQLite is how many more threads than processors run Go code while the server runs, unless GOMAXPROCS says another number:
	// a statement is a call into C, which keeps the place of a goroutine.
	inSQLite = 4
	// softMemory is Go's GOMEMLIMIT while the server runs, unless the environment says another: above it garbage is collected
	// sooner, so that requests with large bodies do not leave nine times their size.
	softMemory = 256 << 20
	// maxRate is more than any server answers.
	maxRate = 1_000_000
)

type serveFlags struct {
	listen          string
	baseURL         string
	trustedProxies  []string
	outboundAllow   []string
	defaultChannels []string
	metricsListen   string
	rateLimit       int
	rateBurst       int
	logFormat       choice
	logLevel        choice
	signUp          bool
	dev             bool

	proxies web.Proxies    // trustedProxies, by check
	allowed []netip.Prefix // outboundAllow
}

func (a *app) serveCommand() *cobra.Command {
	flags := serveFlags{
		logFormat: choice{"text", []string{"text", "json"}}, logLevel: choice{"info", []string{"debug", "info", "warn", "error"}},
	}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Run the server. It answers SCIM under /scim/v2, OAuth at /oauth/token, and /healthz and /readyz; at / people see who they are,
and sign in. The database is made, or brought up to date, when it starts. It speaks plain HTTP: put a proxy that speaks TLS in front
of it and name its address by --base-url; then cookies are for TLS alone.

With --sign-up everybody who reaches the server may make an account, in a public team.

What a setting of a connection names by its URL is fetched from the Internet over https only. --outbound-allow names networks of
the inside, where http is allowed too.`,
		Example: `  rollcall serve --data ./data --listen 127.0.0.1:8080
  rollcall serve --dev
  rollcall serve --base-url https://chat.example.com --trusted-proxies 10.0.0.0/8
  rollcall serve --outbound-allow 10.20.0.0/16
  rollcall serve --sign-up
  rollcall serve --metrics-listen 127.0.0.1:9090 --log-format json
  rollcall serve --database postgres://rollcall@db.example.com/rollcall`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.serving {
				return misused(cmd, "this is the server")
			}
			return a.serve(cmd, &flags)
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.listen, "listen", "127.0.0.1:8080", "address to listen on; port 0 takes a free one")
	f.StringVar(&flags.baseURL, "base-url", "", "what clients call the server, such as https://chat.example.com")
	f.StringSliceVar(&flags.trustedProxies, "trusted-proxies", nil, "networks whose X-Forwarded-For is believed, such as 10.0.0.0/8")
	f.StringSliceVar(&flags.outboundAllow, "outbound-allow", nil, "networks of the inside that the server may fetch from, such as 10.0.0.0/8")
	f.StringSliceVar(&flags.defaultChannels, "default-channels", nil, "channels that whoever joins a team joins too, where it has them")
	f.StringVar(&flags.metricsListen, "metrics-listen", "", "address of /metrics for Prometheus, such as 127.0.0.1:9090; without, there are none")
	f.IntVar(&flags.rateLimit, "rate-limit", scim.RequestRate, "requests that a token may send a second, on average")
	f.IntVar(&flags.rateBurst, "rate-burst", scim.RequestBurst, "requests that a token may send at once")
	f.Var(&flags.logFormat, "log-format", "text or json")
	f.Var(&flags.logLevel, "log-level", "what the log tells: debug, info (every request), warn or error")
	f.BoolVar(&flags.signUp, "sign-up", false, "let everybody make an account, with a password")
	f.BoolVar(&flags.dev, "dev", false, "make a connection, a team and a token to try the server with, and print how")
	return cmd
}

// check reads the values of the flags.
func (f *serveFlags) check(cmd *cobra.Command) (err error) {
	f.baseURL = strings.TrimSuffix(f.baseURL, "/")
	if f.baseURL != "" {
		u, err := url.Parse(f.baseURL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || f.baseURL != u.Scheme+"://"+u.Host {
			return misused(cmd, "--base-url: %q is not possible: use a form such as https://chat.example.com", f.baseURL)
		}
	}
	if !isAddress(f.listen) {
		return misused(cmd, "--listen: %q is not possible: use a form such as 127.0.0.1:8080", f.listen)
	}
	if f.metricsListen != "" && !isAddress(f.metricsListen) {
		return misused(cmd, "--metrics-listen: %q is not possible: use a form such as 127.0.0.1:9090", f.metricsListen)
	}
	if f.rateLimit < 1 || f.rateLimit > maxRate {
		return misused(cmd, "--rate-limit: %d is not possible: use 1 to %d", f.rateLimit, maxRate)
	}
	if f.rateBurst < 1 || f.rateBurst > maxRate {
		return misused(cmd, "--rate-burst: %d is not possible: use 1 to %d", f.rateBurst, maxRate)
	}
	for _, name := range f.defaultChannels {
		if err := (&directory.Channel{Name: name, DisplayName: name}).Validate(); err != nil {
			return misused(cmd, "--default-channels: %v", err)
		}
	}
	if f.proxies, err = web.ParseProxies(f.trustedProxies); err != nil {
		return misused(cmd, "--%v", err)
	}
	if f.allowed, err = netguard.ParseNetworks(f.outboundAllow); err != nil {
		return misused(cmd, "--outbound-allow: %v", err)
	}
	return nil
}

// isAddress reports whether address is a host, which may be empty, and a port.
func isAddress(address string) bool {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	return err == nil
}

// serve runs the server until its context ends or its disk fails.
func (a *app) serve(cmd *cobra.Command, flags *serveFlags) (err error) {
	if err := flags.check(cmd); err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	}
	if os.Getenv("GOMAXPROCS") == "" {
		processors := runtime.GOMAXPROCS(0)
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors + inSQLite))
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		defer debug.SetMemoryLimit(debug.SetMemoryLimit(softMemory))
	}
	log, endLog := newLog(a.stderr, flags.logFormat.value, flags.logLevel.value)
	defer endLog()
	if names := a.strays(cmd.Root()); len(names) > 0 {
		log.Warn("the environment has variables that are no flags and do not count", "names", strings.Join(names, " "))
	}
	m, err := listenMetrics(flags.metricsListen, log)
	if err != nil {
		return err
	}
	defer func() { _ = m.close() }() // a server that ran has closed it, and what is opened below
	a.committed = m.committed()
	if err := a.openForServer(cmd.Context(), log, flags.defaultChannels); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.db.Close()) }()
	ln, err := net.Listen("tcp", flags.listen)
	if err != nil {
		return &complaint{failed, err.Error(), "name another address by --listen"}
	}
	defer func() { _ = ln.Close() }()
	warnOpen(log, ln, flags.baseURL)
	socket, err := a.listenSocket()
	if err != nil {
		return err
	}
	if socket != nil {
		defer func() { _ = socket.Close() }()
	}
	a.service.Outbound = netguard.New(flags.allowed, nil)
	s := &server{app: a, log: log, http: ln, socket: socket, metrics: m}
	s.hang(flags)
	return s.run(cmd.Context(), flags)
}

// hang makes the doors of the server.
func (s *server) hang(flags *serveFlags) {
	failures := web.NewFailureLimiter()
	credentials := &login.Service{DB: s.db, Provision: s.service, Outbound: s.service.Outbound, Log: s.log, Resource: scim.Base}
	door := &scim.Door{
		DB: s.db, Provision: s.service, Log: s.log, BaseURL: flags.baseURL, Proxies: flags.proxies, Login: credentials, Failures: failures,
		Metrics: s.metrics.requests(), Rate: flags.rateLimit, Burst: flags.rateBurst,
	}
	tokens := oauth.Door{
		Login: credentials, Failures: failures, Log: s.log, Metrics: s.metrics.requests(), BaseURL: flags.baseURL, Proxies: flags.proxies,
	}
	signOn := &saml.Door{
		DB: s.db, Provision: s.service, Login: credentials, Log: s.log, BaseURL: flags.baseURL, Proxies: flags.proxies,
		Metrics: s.metrics.requests(), Failures: failures,
	}
	pages := &portal.Door{
		DB: s.db, Provision: s.service, Login: credentials, Failures: failures, Log: s.log, Metrics: s.metrics.requests(), BaseURL: flags.baseURL,
		Proxies: flags.proxies, SignUp: flags.signUp, SignOut: signOn.SignOut,
	}
	s.scim, s.oauth, s.saml, s.portal, s.waiting = door.Handler(), tokens.Handler(), signOn.Handler(), pages.Handler(), door.Waiting
}

// openForServer opens the database, which no other server may have, and makes it that of this program.
func (a *app) openForServer(ctx context.Context, log *slog.Logger, defaultChannels []string) error {
	if err := a.own(ctx, log); err != nil {
		return err
	}
	from, to, err := a.migrate(ctx)
	if err != nil {
		return errors.Join(err, a.db.Close())
	}
	if from != to {
		log.Info("migrated", "from", from, "to", to)
	}
	a.service = provision.New(a.db, log)
	if err := a.service.SetDefaultChannels(ctx, defaultChannels); err != nil {
		return errors.Join(err, a.db.Close())
	}
	return nil
}

// own opens the database and refuses to share the folder with a server.
func (a *app) own(ctx context.Context, log *slog.Logger) error {
	conn, err := a.open(ctx, log, true)
	if err != nil || conn == nil {
		return err
	}
	return errors.Join(&complaint{failed, "a server has " + a.data + " already", "stop it, or name another folder by --data"}, conn.Close())
}

// listenSocket returns nil where there is no folder: commands then go to PostgreSQL themselves.
func (a *app) listenSocket() (net.Listener, error) {
	if a.database != "" {
		return nil, nil
	}
	return listenSocket(a.socket())
}

// warnOpen warns of a server that can be reached from elsewhere and that nobody says is behind TLS.
func warnOpen(log *slog.Logger, ln net.Listener, baseURL string) {
	addr, ok := ln.Addr().(*net.TCPAddr)
	if ok && !addr.IP.IsLoopback() && !strings.HasPrefix(baseURL, "https://") {
		log.Warn("tokens travel unprotected: listen on 127.0.0.1 behind a proxy that speaks TLS, and name it by --base-url https://…",
			"listen", addr.String())
	}
}

// server is a running server: what it listens on and what answers.
type server struct {
	*app
	log    *slog.Logger
	http   net.Listener
	socket net.Listener // nil with PostgreSQL
	scim   http.Handler
	oauth  http.Handler
	saml   http.Handler
	portal http.Handler

	waiting func() int // requests that scim lets wait
	metrics *metrics   // nil for none
	ending  atomic.Bool
}

func (s *server) run(ctx context.Context, flags *serveFlags) (err error) {
	inner, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	running.Go(func() { s.service.Work(inner) })
	running.Go(func() { s.service.Watch(inner) })
	running.Go(func() { s.service.Refresh(inner) })
	if s.metrics != nil {
		running.Go(func() { s.metrics.serve(inner, s.db, s.service, s.waiting, s.log) })
	}
	address := "http://" + s.http.Addr().String()
	s.scimURL = cmp.Or(flags.baseURL, address) + scim.Base
	if s.socket != nil {
		commands := &socketServer{db: s.db, service: s.service, log: s.log, scimURL: s.scimURL}
		running.Go(func() { commands.serve(inner, s.socket) })
	}
	served := make(chan error, 1)
	running.Go(func() { served <- web.Serve(inner, s.http, s, s.log) })
	if err := s.say("listening on %s", address); err != nil {
		return err
	}
	welcome := s.welcome
	if flags.dev {
		welcome = func(ctx context.Context) error { return s.introduce(ctx, address) }
	}
	if err := welcome(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	select {
	case <-ctx.Done():
		s.ending.Store(true)
		s.log.Info("ending")
		stop()
		if err := <-served; err != nil {
			s.log.Warn("requests were cut off", "error", err)
		}
		commits, updates := s.db.Batches()
		s.log.Info("batches", "commits", commits, "updates", updates)
		return nil
	case err := <-served:
		return err
	case <-s.db.Done():
		s.log.Error("the disk failed; ending", "error", s.db.Err())
		time.Sleep(drainTime)
		return s.db.Err()
	}
}

// welcome tells how to go on where there is no connection yet, and warns where nobody could sign in without one.
func (s *server) welcome(ctx context.Context) error {
	return s.db.View(ctx, func(tx *store.Tx) error {
		conns, err := tx.Connections()
		if err != nil {
			return err
		}
		if len(conns) == 0 {
			s.log.Info("there is no connection yet", "scim_url", s.scimURL, "next", "rollcall connection create NAME --preset okta"+s.place)
		}
		administrators, err := tx.BreakGlass()
		if err == nil && administrators == 0 {
			s.log.Warn("no administrator can sign in without an identity provider: when it fails, or shuts out the wrong people, nobody can",
				"next", "rollcall user create --email EMAIL --username NAME --system-admin --password-stdin"+s.place)
		}
		return err
	})
}

// ServeHTTP answers for the server as a whole and leaves everything else to the doors.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/healthz":
		state(w, http.StatusOK, "ok")
	case "/readyz":
		if s.ending.Load() {
			state(w, http.StatusServiceUnavailable, "ending")
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), readyTime)
		defer cancel()
		if err := s.ready(ctx); err != nil {
			s.log.Warn("not ready", "error", err)
			state(w, http.StatusServiceUnavailable, "the database is out of reach, or not that of this program")
			return
		}
		state(w, http.StatusOK, "ready")
	case oauth.TokenPath, oauth.KeysPath, oauth.MetadataPath:
		s.oauth.ServeHTTP(w, r)
	default:
		switch {
		case strings.HasPrefix(r.URL.Path, saml.Base):
			s.saml.ServeHTTP(w, r)
		case isSCIM(r):
			s.scim.ServeHTTP(w, r)
		default:
			s.portal.ServeHTTP(w, r)
		}
	}
}

// isSCIM reports whether a request is for the door of SCIM, which tells an identity provider in its own form what is wrong: the path
// leads there however it is spelled, or the sender speaks SCIM and has the wrong base URL.
func isSCIM(r *http.Request) bool {
	if p := strings.ToLower(path.Clean("/" + r.URL.Path)); strings.HasPrefix(p, "/scim") || strings.Contains(strings.ToLower(r.URL.Path), "/scim/") {
		return true
	}
	return strings.Contains(r.Header.Get("Accept")+r.Header.Get("Content-Type"), "application/scim+json")
}

// ready returns why the database cannot be worked with. One that a newer program has brought up to date can.
func (s *server) ready(ctx context.Context) error {
	if err := s.db.Err(); err != nil {
		return err
	}
	have, want, err := s.db.SchemaVersion(ctx)
	if err == nil && have < want {
		err = fmt.Errorf("the database has version %d and this program wants %d", have, want)
	}
	return err
}

func state(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text) // a client that is gone
}
