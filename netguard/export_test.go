package netguard

// Public is public, for tests that must not dial.
var Public = public
