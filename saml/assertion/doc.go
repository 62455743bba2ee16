// Package assertion proves what an identity provider said of a person, or says why it is not proven.
//
// It is pure: bytes, keys and a time go in, facts or a Refusal come out. It reads no clock, no network and no store. It owns the form of
// SAML messages, signatures, encryption, and the rules of the Web Browser SSO profile. It leaves to its callers what needs a memory: that
// a request was ours, was made by this browser and is answered once, that an assertion is used once (Facts.Expires says how long to
// remember it), which certificates a connection trusts and what their dates mean, and whose account a subject is. Package saml calls it.
//
// # How it is safe
//
// Most ways around a SAML signature are one way: a verifier looks at one thing, and something else is read. The XML is parsed twice and
// two parsers disagree; a reference is followed to another element; a comment cuts a text; bytes are verified and thrown away, and the
// document is used. Here that has no place to happen:
//
//   - The input is parsed once, to one tree, that nothing changes. A reader of our own takes only the part of XML that SAML needs, by
//     the letter: UTF-8; no document type, no entities but the five, no comments, no processing instructions; ASCII names; every prefix
//     declared, by an absolute URI; no attribute and no ID twice; one root, and nothing behind it. What parsers disagree about is not in
//     that part. The limits stand in the same loop, so nothing is built that would pass them.
//   - A signature stands in the element that it signs, and its one Reference names that element. The reference is compared with the
//     element, never looked up. Transforms, canonical form and digests have one accepted form each.
//   - What is hashed is written from the nodes that are read afterwards (canonical), expanded names included. There are no verified bytes
//     beside a document: the tree is what was verified. What a signature does not cover is the Response around a signed assertion; of
//     that only values are read that are compared with expected ones, and its ID.
//   - Assertions and signatures are counted in the whole document, wherever they could hide, before any of them is looked at: one
//     assertion, in its place; no signature but in what it signs. Every signature that is present must verify.
//   - Keys come from the connection alone. KeyInfo is not read.
//   - Something encrypted is decrypted only if it cannot teach anything: by an authenticated cipher, or under a verified signature. All
//     that can go wrong there is one refusal.
//   - Comparisons are of whole strings, byte for byte: issuer, audience, recipient, names of attributes.
//
// # What is narrower than the standard
//
// RSA only, with keys of 2048 bits or more, and SHA-2 only. Exclusive canonical form only. A Response has an Issuer, exactly one
// assertion with exactly one AuthnStatement, and conditions with our audience. Encrypted names and attributes, artifacts and holder of
// key are refused. Decision 21 says why, and why the reader is our own.
package assertion
