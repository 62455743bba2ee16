package main

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"

	"github.com/spf13/cobra"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
)

func (a *app) samlKeyCommand() *cobra.Command {
	return noun("key", "Keys, with which the server signs its requests and decrypts assertions", a.samlKeyList(), a.samlKeyRotate())
}

func (a *app) samlKeyList() *cobra.Command {
	type row struct {
		ID      directory.KeyID `json:"id"`
		Created string          `json:"created"`
		State   string          `json:"state"` // signs, or next
		certificateShown
		Certificate string `json:"certificate"` // PEM, for an identity provider that does not read our metadata
	}
	return a.jsonFlag(&cobra.Command{
		Use:     "list",
		Short:   "List the keys for SAML; the private parts stay in the database",
		Long:    "List the keys for SAML; the private parts stay in the database. With --json the certificates are there in full, as PEM.",
		Example: "  rollcall saml key list\n  rollcall saml key list --json",
		RunE: a.do(func(c *call) error {
			rows := all(c, func(tx *store.Tx) (rows []row, err error) {
				keys, err := tx.SAMLKeys()
				if err != nil {
					return nil, err
				}
				state := "signs"
				for _, k := range keys {
					der, err := base64.StdEncoding.DecodeString(k.Certificate)
					if err != nil {
						return nil, err
					}
					cert, err := x509.ParseCertificate(der)
					if err != nil {
						return nil, err
					}
					full := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
					rows = append(rows, row{k.ID, stamp(k.Created), state, showCertificate(cert, tx.Now()), string(full)})
					state = "next"
				}
				return rows, nil
			})
			return list(c, "ID|CREATED|STATE|CERTIFICATE (SHA-256)|ENDS", rows, func(r row) []string {
				return []string{string(r.ID), r.Created, r.State, r.SHA256, r.Ends}
			})
		}),
	})
}

func (a *app) samlKeyRotate() *cobra.Command {
	var dropOld bool
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Let the next key sign, and make another to follow it",
		Long: `Let the next key sign, and make another to follow it. Both are in our metadata at all times, so identity providers that have read it
since the last rotation go on without a break; at the others, enter the certificate of the next key first (rollcall saml key list --json).
After a leak use --drop-old: neither of the keys that were there counts, and every identity provider must read our metadata anew.`,
		Example: `  rollcall saml key rotate
  rollcall saml key rotate --drop-old`,
		RunE: a.do(func(c *call) error {
			keys, err := c.service.RotateSAMLKey(c.ctx, c.actor)
			if err == nil && dropOld {
				keys, err = c.service.RotateSAMLKey(c.ctx, c.actor)
			}
			if err != nil {
				return err
			}
			if dropOld {
				return c.say("the key %s signs from now on, and %s follows it; every identity provider must read our metadata anew", keys[0].ID, keys[1].ID)
			}
			return c.say("the key %s signs from now on, and %s follows it; let every identity provider read our metadata before the next time", keys[0].ID, keys[1].ID)
		}),
	}
	cmd.Flags().BoolVar(&dropOld, "drop-old", false, "let neither of the keys count that were there")
	return cmd
}
