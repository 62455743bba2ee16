package provision

import (
	"context"
	"slices"
	"time"

	"github.com/rollcall-id/rollcall/directory"
)

const (
	// atOnce is how many accounts are settled in the change that concerns them. More become a task.
	atOnce = 1000
	// pieceTime is how long a piece of a task may take.
	pieceTime = 20 * time.Millisecond
)

// settle gives accounts the memberships that they should have. It holds them first, so that of two changes at once the later
// sees what the earlier one did.
func (c *change) settle(accounts []directory.Row, changes directory.Changes) error {
	if len(accounts) == 0 {
		return nil
	}
	if err := c.HoldAccounts(accounts); err != nil {
		return err
	}
	began, ended, err := c.Settle(accounts)
	changes.Count("memberships_began", began)
	changes.Count("memberships_ended", ended)
	return err
}

// settleMembers settles who was put into or taken out of a group, and everyone concerned by links that are new to it.
func (c *change) settleMembers(g *directory.Group, m *members, links []directory.Row, changes directory.Changes) error {
	if !m.changed() {
		return c.settleLinks(links, changes)
	}
	above, err := c.LinksAbove([]directory.Row{g.Row})
	if err != nil || len(above) == 0 {
		return err
	}
	if len(m.groups) > 0 || len(m.identities) > atOnce {
		return c.settleLinks(above, changes) // those that are new to the group are among them
	}
	accounts, err := c.AccountsOf(m.identities)
	if err != nil {
		return err
	}
	return c.settleLinks(links, changes, accounts...)
}

// settleLinks settles everyone that links concern, and the accounts: in this change if they are few, else by a task for each link.
func (c *change) settleLinks(links []directory.Row, changes directory.Changes, accounts ...directory.Row) error {
	var groups, found []directory.Row
	for _, link := range links {
		under, err := c.GroupsUnderLink(link)
		if err != nil {
			return err
		}
		groups = append(groups, under...)
	}
	if err := c.HoldGroups(groups); err != nil {
		return err
	}
	for _, link := range links {
		through, err := c.AccountsThrough(link, 0, atOnce+1)
		if err != nil {
			return err
		}
		found = append(found, through...)
	}
	members, err := c.MembersIn(groups, atOnce+1)
	if err != nil {
		return err
	}
	if len(members) > atOnce || len(found) > atOnce {
		if err := c.later(directory.SettleLink, links, changes); err != nil {
			return err
		}
		return c.settle(accounts, changes)
	}
	in, err := c.AccountsOf(members)
	if err != nil {
		return err
	}
	return c.settle(slices.Concat(accounts, found, in), changes)
}

// later leaves a task for each subject.
func (c *change) later(kind directory.TaskKind, subjects []directory.Row, changes directory.Changes) error {
	seen := map[directory.Row]bool{}
	for _, subject := range subjects {
		if seen[subject] {
			continue
		}
		seen[subject] = true
		t := directory.Task{Kind: kind, Subject: subject, Created: c.Now()}
		if kind == directory.SettleLink {
			id, err := c.LinkID(subject)
			if err != nil {
				return err
			}
			t.Object = string(id)
		}
		if err := c.AddTask(&t); err != nil {
			return err
		}
	}
	c.tasks = true
	changes["in_background"] = true
	return nil
}

// Work does tasks until ctx ends. It is run once in each process that serves.
func (s *Service) Work(ctx context.Context) {
	poll := time.NewTicker(time.Second) // a nudge is lost when another process made the task, or this one was restarted
	defer poll.Stop()
	for {
		if err := s.FinishTasks(ctx, nil); err != nil && ctx.Err() == nil {
			s.Log.Error("task", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-poll.C:
		}
	}
}

// FinishTasks does all tasks that there are, piece by piece. progress, unless nil, is told after each piece how many objects its
// task has looked at.
func (s *Service) FinishTasks(ctx context.Context, progress func(done int64)) error {
	size := 50
	for {
		done, took, err := s.piece(ctx, size)
		if err != nil || took == 0 {
			return err
		}
		if progress != nil {
			progress(done)
		}
		if took > pieceTime {
			size = max(size/2, 1)
		} else if took < pieceTime/2 {
			size = min(size*3/2+1, 500)
		}
	}
}

// piece does up to size objects of the oldest task. It returns how many the task has done in all, and how long the piece held its
// transaction, which is zero when there was no task.
func (s *Service) piece(ctx context.Context, size int) (done int64, took time.Duration, err error) {
	err = s.update(ctx, directory.Actor{Name: "rollcall"}, func(c *change) error {
		t, err := c.HoldTask()
		if directory.Is(err, directory.NotFound) {
			took = 0
			return nil
		}
		if err != nil {
			return err
		}
		began := time.Now() // another process may have had the task until now
		changes := directory.Changes{}
		finished, err := c.step(&t, size, changes)
		if err != nil {
			return err
		}
		t.Add(changes)
		if finished {
			err = c.finish(&t, changes)
		} else {
			err = c.PutTask(&t)
		}
		done, took = t.Done, max(time.Since(began), 1)
		return err
	})
	return done, took, err
}

// finish removes a task and tells what came of it.
func (c *change) finish(t *directory.Task, changes directory.Changes) error {
	if err := c.RemoveTask(t.Row); err != nil {
		return err
	}
	changes["objects"], changes["memberships_began"], changes["memberships_ended"] = t.Done, t.Began, t.Ended
	return c.event("task.finish", t.Object, changes)
}

// step does up to size objects of t and moves its cursor.
func (c *change) step(t *directory.Task, size int, changes directory.Changes) (finished bool, err error) {
	switch t.Kind {
	case directory.ApplyRule:
		return c.stepRule(t, size, changes)
	case directory.SettleAll:
		all, err := c.Accounts(t.Cursor, size)
		if err != nil || len(all) == 0 {
			return true, err
		}
		rows := make([]directory.Row, len(all))
		for i := range all {
			rows[i] = all[i].Row
		}
		advance(t, rows)
		return false, c.settle(rows, changes)
	}
	if t.Group == 0 {
		accounts, err := c.AccountsThrough(t.Subject, t.Cursor, size)
		if err != nil {
			return false, err
		}
		if len(accounts) > 0 {
			advance(t, accounts)
			return false, c.settle(accounts, changes)
		}
		return c.nextGroup(t)
	}
	identities, accounts, err := c.MembersFrom(t.Group, t.Cursor, size)
	if err != nil {
		return false, err
	}
	if len(identities) == 0 {
		return c.nextGroup(t)
	}
	advance(t, identities)
	return false, c.settle(accounts, changes)
}

// nextGroup moves t to the next group that its link concerns.
func (c *change) nextGroup(t *directory.Task) (finished bool, err error) {
	groups, err := c.GroupsUnderLink(t.Subject)
	if err != nil {
		return false, err
	}
	for _, g := range groups {
		if g > t.Group {
			t.Group, t.Cursor = g, 0
			return false, nil
		}
	}
	return true, nil
}

func advance(t *directory.Task, rows []directory.Row) {
	t.Cursor = rows[len(rows)-1]
	t.Done += int64(len(rows))
}
