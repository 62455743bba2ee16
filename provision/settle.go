package provision

import (
	"context"
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
	if began > 0 {
		changes["memberships_began"] = began
	}
	if ended > 0 {
		changes["memberships_ended"] = ended
	}
	return err
}

// settleMembers settles who was put into or taken out of a group, and everyone concerned by links that are new to it.
func (c *change) settleMembers(g *directory.Group, m *members, links []directory.Row, changes directory.Changes) error {
	if m.changed() {
		above, err := c.LinksAbove([]directory.Row{g.Row})
		if err != nil {
			return err
		}
		switch {
		case len(above) == 0:
		case len(m.identities)+len(m.groups) > atOnce || len(m.groups) > 0:
			links = append(links, above...)
		default:
			accounts, err := c.AccountsOf(m.identities)
			if err != nil {
				return err
			}
			if err := c.settle(accounts, changes); err != nil {
				return err
			}
		}
	}
	return c.settleLinks(links, changes)
}

// settleLinks settles everyone that links concern: in this change if they are few, else by a task for each link.
func (c *change) settleLinks(links []directory.Row, changes directory.Changes) error {
	seen := map[directory.Row]bool{}
	var accounts []directory.Row
	for _, link := range links {
		groups, err := c.GroupsUnderLink(link)
		if err != nil {
			return err
		}
		if err := c.HoldGroups(groups); err != nil {
			return err
		}
		through, err := c.AccountsThrough(link, 0, atOnce+1)
		if err != nil {
			return err
		}
		in, err := c.AccountsIn(groups, atOnce+1)
		if err != nil {
			return err
		}
		for _, a := range append(through, in...) {
			if !seen[a] {
				seen[a] = true
				accounts = append(accounts, a)
			}
		}
		if len(accounts) > atOnce {
			return c.later(directory.SettleLink, links, changes)
		}
	}
	return c.settle(accounts, changes)
}

// later leaves a task for each subject.
func (c *change) later(kind directory.TaskKind, subjects []directory.Row, changes directory.Changes) error {
	seen := map[directory.Row]bool{}
	for _, subject := range subjects {
		if seen[subject] {
			continue
		}
		seen[subject] = true
		if err := c.AddTask(&directory.Task{Kind: kind, Subject: subject, Created: c.Now()}); err != nil {
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
		started := time.Now()
		done, more, err := s.piece(ctx, size)
		if err != nil || !more {
			return err
		}
		if progress != nil {
			progress(done)
		}
		if took := time.Since(started); took > pieceTime {
			size = max(size/2, 1)
		} else if took < pieceTime/2 {
			size = min(size*3/2+1, 500)
		}
	}
}

// piece does up to size objects of the oldest task. more is false when there was no task.
func (s *Service) piece(ctx context.Context, size int) (done int64, more bool, err error) {
	err = s.update(ctx, directory.Actor{Name: "rollcall"}, func(c *change) error {
		t, err := c.HoldTask()
		if is(err, directory.NotFound) {
			more = false
			return nil
		}
		if err != nil {
			return err
		}
		more = true
		finished, err := c.step(&t, size)
		done = t.Done
		if err != nil {
			return err
		}
		if finished {
			return c.RemoveTask(t.Row)
		}
		return c.PutTask(&t)
	})
	return done, more, err
}

// step does up to size objects of t and moves its cursor.
func (c *change) step(t *directory.Task, size int) (finished bool, err error) {
	changes := directory.Changes{} // what a task did is counted in the event of the change that left it
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
