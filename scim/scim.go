// Package scim is the SCIM 2.0 door: it turns requests into edits for provision and questions for store, and what they return
// into SCIM. It owns routes, resources, media types, conditional requests, lists with their cursors and the one table of SCIM
// errors. Which attributes there are is scim/schema's, how a filter is read scim/filter's, what a PATCH does scim/patch's, in which
// order the operations of a Bulk request are done scim/bulk's, and what follows from a change provision's. cmd hangs it under
// /scim/v2.
//
// RFC 7643, RFC 7644, RFC 9865.
package scim

import (
	"cmp"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/login"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/scim/cursor"
	"github.com/rollcall-id/rollcall/store"
	"github.com/rollcall-id/rollcall/web"
)

// Base is the path under which the door is hung.
const Base = "/scim/v2"

const (
	scimJSON  = "application/scim+json"
	plainJSON = "application/json"
)

const (
	// RequestRate and RequestBurst are what a token may do unless the configuration says otherwise.
	RequestRate  = 500 // requests a second
	RequestBurst = 1000

	gateAtOnce = 64 // requests that run at once, for each core
	gateLeast  = 128
	gateQueue  = 1000 // requests of one connection that wait

	searchesAtOnce = 2 // as the store runs
	searchQueue    = 32
)

// Door serves SCIM.
type Door struct {
	DB        *store.DB
	Provision *provision.Service
	Log       *slog.Logger
	// BaseURL is what clients call us, such as https://chat.example.com, without a path. Empty: what the request says.
	BaseURL string
	Proxies web.Proxies
	Metrics *web.Metrics // nil: nothing is counted
	// Rate and Burst are how many requests a token may send a second, and at once. Zero: RequestRate and RequestBurst.
	Rate, Burst int
	Login       *login.Service
	// Failures limits failed credentials, at this door and at those that share it.
	Failures *web.Limiter[netip.Addr]

	types     *resourceTypes
	requests  *web.Limiter[sender]
	gate      *web.Gate[directory.Row] // of connections
	searches  *web.Gate[directory.Row] // of what no index leads to
	large     chan struct{}
	held      atomic.Int64        // bytes of large bodies
	decoding  *semaphore.Weighted // by bytes
	bulks     chan struct{}
	cursors   atomic.Pointer[cursor.Sealer] // nil until the first
	paths     map[string]string             // of routes without a variable, to the route; both begin with Base
	parents   map[string]string             // of routes that end in {id}: all before it, to the route
	endpoints map[string]endpoint
}

// Handler returns the handler of the door. It is called once, after the fields are set.
func (d *Door) Handler() http.Handler {
	d.types = newResourceTypes()
	d.requests = web.NewLimiter[sender](float64(cmp.Or(d.Rate, RequestRate)), cmp.Or(d.Burst, RequestBurst), time.Now)
	d.gate = web.NewGate[directory.Row](max(gateLeast, gateAtOnce*runtime.NumCPU()), gateQueue)
	d.decoding = semaphore.NewWeighted(decodingAtOnce)
	d.searches = web.NewGate[directory.Row](searchesAtOnce, searchQueue)
	d.large = make(chan struct{}, largeGroups)
	d.bulks = make(chan struct{}, bulkOperations)
	d.endpoints = d.routes()
	d.paths, d.parents = pathsOf(d.endpoints)
	return &web.Door{
		Handler: http.HandlerFunc(d.serve), Error: d.writeError, Log: d.Log, Metrics: d.Metrics, Proxies: d.Proxies,
		Slashed: []string{Base + "/", Base + "/Users/", Base + "/Groups/"},
	}
}

// sender is what has a rate of its own. A token that another issuer made is called by its subject, which two connections may know.
type sender struct {
	connection directory.Row
	token      directory.TokenID
}

type handler func(*request) (*answer, error)

// endpoint is what a path can be asked, by method.
type endpoint map[string]handler

// routes returns what stands behind each path below Base.
func (d *Door) routes() map[string]endpoint {
	endpoints := map[string]endpoint{
		"/Users":  {http.MethodGet: d.listUsers, http.MethodPost: d.createUser},
		"/Groups": {http.MethodGet: d.listGroups, http.MethodPost: d.createGroup},
		"/Users/{id}": {
			http.MethodGet: d.getUser, http.MethodPut: d.replaceUser, http.MethodPatch: d.patchUser, http.MethodDelete: d.deleteUser,
		},
		"/Groups/{id}": {
			http.MethodGet: d.getGroup, http.MethodPut: d.replaceGroup, http.MethodPatch: d.patchGroup, http.MethodDelete: d.deleteGroup,
		},
	}
	endpoints["/Users/.search"] = endpoint{http.MethodPost: d.search(d.listUsers)}
	endpoints["/Groups/.search"] = endpoint{http.MethodPost: d.search(d.listGroups)}
	endpoints["/.search"] = endpoint{http.MethodPost: d.search(d.listAll)}
	endpoints[""] = endpoint{http.MethodGet: d.listAll}
	// A filter behind a slash is served, for clients that put one there.
	endpoints["/"], endpoints["/Users/"], endpoints["/Groups/"] = endpoints[""], endpoints["/Users"], endpoints["/Groups"]
	endpoints["/Bulk"] = endpoint{http.MethodPost: d.bulk}
	endpoints["/Me"] = endpoint{
		http.MethodGet: d.me, http.MethodPost: d.me, http.MethodPut: d.me, http.MethodPatch: d.me, http.MethodDelete: d.me,
	}
	for _, path := range []string{"/ServiceProviderConfig", "/ResourceTypes", "/ResourceTypes/{id}", "/Schemas", "/Schemas/{id}"} {
		endpoints[path] = endpoint{http.MethodGet: d.discover}
	}
	return endpoints
}

// pathsOf returns how a path leads to its route. A path has one spelling, which web has seen to.
func pathsOf(endpoints map[string]endpoint) (paths, parents map[string]string) {
	paths, parents = map[string]string{}, map[string]string{}
	for route := range endpoints {
		if parent, variable := strings.CutSuffix(route, "{id}"); variable {
			parents[Base+parent] = Base + route
		} else {
			paths[Base+route] = Base + route
		}
	}
	return paths, parents
}

// route returns the route of a path, and the id that it holds; an empty route for none.
func (d *Door) route(path string) (route, id string) {
	if route = d.paths[path]; route != "" {
		return route, ""
	}
	i := strings.LastIndexByte(path, '/') + 1
	if id = path[i:]; id == "" {
		return "", ""
	}
	return d.parents[path[:i]], id
}

// serve answers one request. Who has no valid token learns nothing, not even which paths there are.
func (d *Door) serve(w http.ResponseWriter, r *http.Request) {
	actor, err := d.admit(r)
	if err != nil {
		d.writeError(w, r, err)
		return
	}
	req := &request{Request: r, w: w, actor: actor, base: d.base(r), group: d.types.group}
	h, err := d.find(req)
	if err == nil {
		req.user, err = d.types.userOf(r.Context(), d.DB, actor)
	}
	if err == nil {
		err = d.readParams(req)
	}
	if err == nil && takesBody(r.Method) {
		defer d.drop(req)
		err = d.fetch(req)
	}
	var a *answer
	if err == nil {
		a, err = d.enter(req, h)
	}
	if err != nil {
		d.writeError(w, r, err)
		return
	}
	d.Provision.Heard(actor.Connection, d.DB.Now())
	d.write(req, a)
}

// enter does the work of a request when it is its connection's turn. The body has come, and the answer leaves after it, so that
// nobody who is slow keeps others waiting.
func (d *Door) enter(r *request, h handler) (*answer, error) {
	if err := d.gate.Enter(r.Context(), r.actor.Connection, shuts(r.Request)); err != nil {
		return nil, err
	}
	defer d.gate.Leave(r.actor.Connection)
	return h(r)
}

// Waiting is how many requests wait for their connection's turn.
func (d *Door) Waiting() int { return d.gate.Waiting() }

// shuts reports whether r may deactivate somebody. That is never refused because too much else is asked; it waits its turn.
func shuts(r *http.Request) bool {
	switch r.Method {
	case http.MethodPatch, http.MethodPut, http.MethodDelete:
		return true
	}
	return r.URL.Path == Base+"/Bulk"
}

func (d *Door) admit(r *http.Request) (directory.Actor, error) {
	record := web.RecordOf(r.Context())
	record.Path = Base + "/…" // until it is known to be ours: people paste anything
	actor, err := d.Login.Connection(r.Context(), web.BaseURL(d.BaseURL, r), r.Header.Get("Authorization"))
	record.Connection, record.TokenID = actor.ConnName, string(actor.Token)
	actor.Request = record.RequestID
	if err == nil {
		if limited := d.requests.Take(sender{actor.Connection, actor.Token}); limited != nil && !shuts(r) {
			return actor, limited
		}
		return actor, nil
	}
	if e, ok := errors.AsType[*login.Refused](err); ok {
		record.Reason, record.Connection, record.TokenID = e.Reason, e.Connection, string(e.Token)
		if limited := d.Failures.Take(web.AddressKey(record.Client)); limited != nil {
			return actor, limited
		}
	}
	return actor, err
}

// find returns the handler that the path and the method name.
func (d *Door) find(r *request) (handler, error) {
	route, id := d.route(r.URL.Path)
	if route == "" {
		web.RecordOf(r.Context()).Reason = "no endpoint has this path"
		return nil, &web.Error{
			Status: http.StatusNotFound, Msg: "there is no such endpoint: the base URL ends in " + Base + "; paths are case-sensitive",
		}
	}
	r.id, r.limits = id, limitsOf(route)
	record := web.RecordOf(r.Context())
	record.Route = route
	record.Path = logged(record.Route, r.id)
	e := d.endpoints[strings.TrimPrefix(record.Route, Base)]
	if h := e[r.Method]; h != nil {
		return h, nil
	}
	allow := strings.Join(slices.Sorted(maps.Keys(e)), ", ")
	r.w.Header().Set("Allow", allow)
	return nil, &web.Error{Status: http.StatusMethodNotAllowed, Msg: r.Method + " is not possible here: use " + allow}
}

// logged is a path for the log: what is not an id of ours may be a name or a secret.
func logged(route, id string) string {
	if directory.IsID(id) {
		return strings.Replace(route, "{id}", id, 1)
	}
	return route
}
