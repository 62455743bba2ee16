package metadata

import (
	"encoding/base64"
	"encoding/xml"
)

// SP is what we say of ourselves to one connection's identity provider.
type SP struct {
	EntityID     string
	ACS          string   // where responses go, by HTTP-POST
	Logout       string   // where requests and answers of single logout go, by HTTP-Redirect
	Certificates [][]byte // DER: of the key in force, then of those that will follow it
}

// At returns where we are for the identity provider of a connection, with no certificates. base is what clients call the server, such
// as https://chat.example.com.
func At(base, connection string) SP {
	at := base + "/saml/" + connection
	return SP{EntityID: at + "/metadata", ACS: at + "/acs", Logout: at + "/logout"}
}

// The element names carry their prefixes, because encoding/xml would declare the namespace anew at each element.
type (
	ourEntity struct {
		XMLName  xml.Name `xml:"md:EntityDescriptor"`
		MD       string   `xml:"xmlns:md,attr"`
		DS       string   `xml:"xmlns:ds,attr"`
		EntityID string   `xml:"entityID,attr"`
		Role     ourRole  `xml:"md:SPSSODescriptor"`
	}
	ourRole struct {
		Protocol   string      `xml:"protocolSupportEnumeration,attr"`
		Signed     bool        `xml:"AuthnRequestsSigned,attr"`
		WantSigned bool        `xml:"WantAssertionsSigned,attr"`
		Keys       []ourKey    `xml:"md:KeyDescriptor"`
		Logout     ourEndpoint `xml:"md:SingleLogoutService"`
		NameID     string      `xml:"md:NameIDFormat"`
		ACS        ourEndpoint `xml:"md:AssertionConsumerService"`
	}
	ourKey struct {
		Use         string      `xml:"use,attr"`
		Certificate string      `xml:"ds:KeyInfo>ds:X509Data>ds:X509Certificate"`
		Methods     []ourMethod `xml:"md:EncryptionMethod"`
	}
	ourMethod struct {
		Algorithm string `xml:"Algorithm,attr"`
	}
	ourEndpoint struct {
		Binding   string `xml:"Binding,attr"`
		Location  string `xml:"Location,attr"`
		Index     string `xml:"index,attr,omitempty"`
		IsDefault string `xml:"isDefault,attr,omitempty"`
	}
)

// encryptionMethods are what an assertion may be encrypted with, the best first.
var encryptionMethods = []ourMethod{
	{"http://www.w3.org/2009/xmlenc11#aes256-gcm"},
	{"http://www.w3.org/2009/xmlenc11#aes128-gcm"},
	{"http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"},
	{"http://www.w3.org/2009/xmlenc11#rsa-oaep"},
}

// Ours returns our metadata for one identity provider. Requests are signed, assertions must be. Each key may sign, and the
// last is the one to encrypt for.
func Ours(sp SP) ([]byte, error) {
	role := ourRole{
		Protocol: protocol, Signed: true, WantSigned: true,
		Logout: ourEndpoint{Binding: bindingRedirect, Location: sp.Logout},
		NameID: "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
		ACS:    ourEndpoint{Binding: bindingPost, Location: sp.ACS, Index: "0", IsDefault: "true"},
	}
	for _, der := range sp.Certificates {
		role.Keys = append(role.Keys, ourKey{Use: "signing", Certificate: base64.StdEncoding.EncodeToString(der)})
	}
	// What is encrypted for the newest key can still be read when the one before it is gone. Senders take one, mostly the first.
	for _, der := range sp.Certificates[max(0, len(sp.Certificates)-1):] {
		role.Keys = append(role.Keys, ourKey{"encryption", base64.StdEncoding.EncodeToString(der), encryptionMethods})
	}
	body, err := xml.MarshalIndent(ourEntity{MD: nsMetadata, DS: nsSignature, EntityID: sp.EntityID, Role: role}, "", "  ")
	return append([]byte(xml.Header), append(body, '\n')...), err
}
