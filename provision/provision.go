// Package provision is every change to the directory, and all that follows from it.
//
// Every door (SCIM, the command line, later SAML, LDAP, REST, import and console) enters here, so each gets the same checks and
// the same consequences: apply is the only text that knows what follows from a change of an identity, settle the only one for
// memberships. A change, its consequences and its event are one transaction. Consequences that are too large for one become a
// task that Work does in pieces.
//
// It knows no protocol (package scim turns requests into edits, scim/schema says whether a definition can be) and no SQL (package store).
package provision

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/netguard"
	"github.com/rollcall-id/rollcall/store"
)

// Service makes changes. Its fields are set before the first call and not changed after.
type Service struct {
	DB  *store.DB
	Log *slog.Logger // of the worker
	// Outbound fetches what administrators named; New makes one that reaches no address of the inside.
	Outbound *netguard.Client

	wake  chan struct{} // see New
	heard heard
}

// New returns a Service that fills in what a literal cannot.
func New(db *store.DB, log *slog.Logger) *Service {
	return &Service{
		DB: db, Log: log, Outbound: netguard.New(nil, nil), wake: make(chan struct{}, 1), heard: heard{last: map[directory.Row]*atomic.Int64{}},
	}
}

// change is one transaction of one actor.
type change struct {
	*store.Tx
	s     *Service
	actor directory.Actor
	tasks bool
}

// update runs fn in a transaction and nudges the worker if fn left tasks. fn may run more than once and touches nothing
// outside that it does not set anew each time.
func (s *Service) update(ctx context.Context, actor directory.Actor, fn func(*change) error) error {
	var c change
	err := s.DB.Update(ctx, func(tx *store.Tx) error {
		c = change{Tx: tx, s: s, actor: actor}
		if actor.Token != "" { // who was let in may have been shut out while the request came, or waited
			if err := c.Admits(actor.Connection, actor.Token); err != nil {
				return err
			}
		}
		return fn(&c)
	})
	if d, ok := errors.AsType[*dispute](err); ok {
		return s.record(ctx, actor, d)
	}
	if err == nil && c.tasks {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
	return err
}

// event writes the one event of a change.
func (c *change) event(action string, object string, changes directory.Changes) error {
	return c.AddEvent(&directory.Event{
		Time: c.Now(), Action: action, Object: object, Changes: changes,
		Actor: c.actor.Name, Connection: c.actor.ConnName, Token: c.actor.Token, Request: c.actor.Request,
	})
}

// dispute is the error of a change that was refused because of a conflict. update rolls the change back and records the
// conflict in a transaction of its own.
type dispute struct {
	directory.OpenConflict
}

func (d *dispute) Error() string { return d.Detail }

// record stores a conflict, once, and returns the error that the sender sees. It tells nothing of who has the thing, and does not
// repeat it: senders log what they are told.
func (s *Service) record(ctx context.Context, actor directory.Actor, d *dispute) error {
	err := s.update(ctx, actor, func(c *change) error { return c.conflict(&d.OpenConflict) })
	if err != nil {
		return err
	}
	return directory.Errorf(directory.Conflict, d.Field, "someone else has it; an administrator has to decide")
}

func (c *change) conflict(k *directory.OpenConflict) error {
	k.ID, k.Created = directory.NewID[directory.ConflictID](c.Now()), c.Now()
	added, err := c.AddConflict(k)
	if err != nil || !added {
		return err
	}
	return c.event("conflict.open", string(k.ID), directory.Changes{"field": k.Field, "value": k.Value, "external_id": k.ExternalID, "detail": k.Detail})
}
