package main

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/saml/metadata"
	"github.com/rollcall-id/rollcall/store"
)

// samlCheck is one thing that `saml test` looks at.
type samlCheck struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

// samlTested is what `saml test --json` tells.
type samlTested struct {
	Connection string      `json:"connection"`
	OK         bool        `json:"ok"`
	Checks     []samlCheck `json:"checks"`
	People     samlPeople  `json:"people"`
	TestURL    string      `json:"test_url"`
}

// samlPeople are the Users of the connection: how many there are, can be met by a subject, have one, and the right one.
type samlPeople struct {
	Users    int64 `json:"users"`
	Meeting  int64 `json:"meeting"`
	SignedIn int64 `json:"signed_in"`
	Same     int64 `json:"same"`
}

func (t *samlTested) add(name string, ok bool, format string, args ...any) {
	t.Checks = append(t.Checks, samlCheck{name, ok, fmt.Sprintf(format, args...)})
	t.OK = t.OK && ok
}

func (a *app) samlTest() *cobra.Command {
	var connection string
	cmd := &cobra.Command{
		Use:   "test",
		Short: "Look whether single sign-on of a connection can work, and name the page where a login is tried",
		Long: `Look whether single sign-on of a connection can work: metadata, certificates, settings, and how many of those who have signed in have
their externalId as their subject. It ends with status 1 where something is wrong.

The page that it names is for a system administrator who is signed in. A login that begins there shows each check, the attributes,
and who would sign in, be created or be refused, and makes nothing.`,
		Example: `  rollcall saml test --connection okta
  rollcall saml test --connection okta --json`,
		RunE: a.do(func(c *call) error {
			t, err := c.testSAML(connection)
			if err != nil {
				return err
			}
			if c.json {
				err = c.show(t)
			} else {
				err = c.showTested(t)
			}
			if err == nil && !t.OK {
				err = &complaint{failed, "single sign-on of " + connection + " cannot work as it is", "mend what is marked by ✗"}
			}
			return err
		}),
	}
	cmd.Flags().StringVar(&connection, "connection", "", "the connection")
	require(cmd, "connection")
	return a.jsonFlag(cmd)
}

func (c *call) testSAML(name string) (*samlTested, error) {
	conn, err := c.connectionCalled(name)
	if err != nil {
		return nil, err
	}
	t := &samlTested{Connection: conn.Name, OK: true, Checks: []samlCheck{}}
	enabled := "is enabled"
	if !conn.Enabled {
		enabled = "is disabled: rollcall connection enable " + conn.Name
	}
	t.add("connection", conn.Enabled, "%s", enabled)
	ours := c.ourURLs(conn.Name)
	if at := ours.EntityID; at != nil && strings.HasPrefix(*at, "https://") {
		t.add("our address", true, "%s", *at)
	} else if at != nil {
		t.add("our address", false, "%s is not https: say serve --base-url https://…, as clients call the server", *at)
	} else {
		t.add("our address", true, "is known to the server alone: it is what serve --base-url says, and must be https")
	}
	t.TestURL = ours.test(conn.Name)
	if err := c.testIdP(t, &conn); err != nil {
		return nil, err
	}
	if conn.Setting(directory.FirstLogin) == directory.CreateAccount {
		teams, err := c.service.PublicTeams(c.ctx)
		if err != nil {
			return nil, err
		}
		t.add("first login", len(teams) > 0, "people may choose one of %d public teams", len(teams))
	} else {
		t.add("first login", true, "%s=off: only who was pushed over SCIM gets in", directory.FirstLogin)
	}
	return t, c.testPeople(t, &conn)
}

// testIdP looks at what is known of the identity provider.
func (c *call) testIdP(t *samlTested, conn *directory.Connection) error {
	var idp directory.IdP
	err := c.db.View(c.ctx, func(tx *store.Tx) (err error) { idp, err = tx.IdP(conn.Row); return err })
	if directory.Is(err, directory.NotFound) {
		t.add("metadata", false, "there is none: rollcall saml import --connection %s --file idp.xml", conn.Name)
		return nil
	}
	if err != nil {
		return err
	}
	now := c.db.Now()
	t.add("metadata", true, "of %s", idp.EntityID)
	if idp.Problem != "" {
		t.add("renewal", false, "%s", idp.Problem)
	}
	if !idp.ValidUntil.IsZero() {
		t.add("validity", now.Before(idp.ValidUntil), "until %s", stamp(idp.ValidUntil))
	}
	u, err := url.Parse(idp.SignInURL)
	t.add("sign-in URL", err == nil && u.Host != "", "%s", idp.SignInURL)
	certs, err := metadata.ParseCertificates(&idp)
	if err != nil {
		return err
	}
	for _, cert := range certs {
		shown := showCertificate(cert, now)
		t.add("certificate", shown.Days >= 0 || conn.Is(directory.SAMLExpiredCertificates), "%s…, %s", shown.SHA256[:12], daysLeft(conn, shown.Days))
	}
	return nil
}

// daysLeft says how long a certificate of an identity provider counts, and what to do when it does not.
func daysLeft(conn *directory.Connection, days int) string {
	switch {
	case days >= 0:
		return fmt.Sprintf("%d days left", days)
	case conn.Is(directory.SAMLExpiredCertificates):
		return fmt.Sprintf("ended %d days ago and counts, as %s is true", -days, directory.SAMLExpiredCertificates)
	}
	return fmt.Sprintf("ended %d days ago: import the metadata anew, or set %s=true", -days, directory.SAMLExpiredCertificates)
}

// testPeople compares the subjects of those who have signed in with what SCIM says of them.
func (c *call) testPeople(t *samlTested, conn *directory.Connection) error {
	meets := conn.Setting(directory.SAMLMeets)
	var r store.Recognition
	err := c.db.Search(c.ctx, func(tx *store.Tx) (err error) {
		r, err = tx.Recognition(conn.Row, directory.AttributePath(meets))
		return err
	})
	if err != nil {
		return err
	}
	t.People = samlPeople{r.Users, r.Meeting, r.Subject, r.Same}
	met := r.Users == 0 || r.Meeting > 0
	todo := ""
	if !met {
		todo = ": let the identity provider push it over SCIM, or nobody is met"
	}
	t.add("people", met, "%d of %d Users have %s, which their subject is to be%s", r.Meeting, r.Users, meets, todo)
	t.add("subjects", r.Same == r.Subject, "%d have signed in, and the subject of %d is their %s", r.Subject, r.Same, meets)
	return nil
}

func (c *call) showTested(t *samlTested) error {
	err := list(c, "|WHAT|DETAIL", each(t.Checks), func(s samlCheck) []string {
		mark := "✗"
		if s.OK {
			mark = "✓"
		}
		return []string{mark, s.Name, s.Detail}
	})
	if err != nil {
		return err
	}
	if err := c.say(""); err != nil {
		return err
	}
	return c.say("A login is tried, by a system administrator who is signed in, at %s", t.TestURL)
}

func (a *app) samlForget() *cobra.Command {
	var connection string
	var confirm bool
	cmd := &cobra.Command{
		Use:   "forget",
		Short: "Forget by which subject people are recognised, before that becomes another one",
		Long: `Forget by which subject people of a connection are recognised. Whoever signs in next is met anew, by the externalId or what
saml_meets says. It is needed before saml_subject can be changed, and after an identity provider gave everybody new ids. Accounts
and sessions stay as they are.`,
		Example: "  rollcall saml forget --connection okta --confirm",
		RunE: func(cmd *cobra.Command, args []string) error {
			if !confirm {
				c := misused(cmd, "this forgets by which subject the people of %s are recognised", connection)
				c.do = "type it again with --confirm"
				return c
			}
			return a.do(func(c *call) error {
				n, err := c.service.ForgetSubjects(c.ctx, c.actor, connection)
				if err != nil {
					return err
				}
				return c.say("%d people are met anew when they sign in next", n)
			})(cmd, args)
		},
	}
	cmd.Flags().StringVar(&connection, "connection", "", "the connection")
	cmd.Flags().BoolVar(&confirm, "confirm", false, "yes, forget them")
	require(cmd, "connection")
	return cmd
}
