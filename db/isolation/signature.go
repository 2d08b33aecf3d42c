package isolation

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"upwork-ai-agent/db/internal/sealed"
)

// Signature is an Ed25519 signature (RFC 8032) of a report, in base64. It covers the report's compact JSON without the
// signature itself.
type Signature struct {
	Key   string `json:"public_key"`
	Value string `json:"value"`
}

// Why a report is not to be trusted.
var (
	errUnsigned   = errors.New("the report is not signed")
	errNotReport  = errors.New("there is no report of a proof in it")
	errForeignKey = errors.New("the report was signed with a key that is none of this installation's")
	errChanged    = errors.New("the signature does not fit: the report has been changed since it was signed")
)

// sign signs r with the newest key of the installation.
func (r *Report) sign(d *sealed.DB) error {
	keys, err := sealed.SigningKeys(d)
	if err != nil {
		return err
	}
	public := publicKey(keys[0])
	r.Installation, r.Signature = fingerprint(public), nil
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("sign report: %w", err)
	}
	r.Signature = &Signature{
		Key:   base64.StdEncoding.EncodeToString(public),
		Value: base64.StdEncoding.EncodeToString(ed25519.Sign(keys[0], text)),
	}
	return nil
}

func publicKey(k ed25519.PrivateKey) ed25519.PublicKey {
	return k.Public().(ed25519.PublicKey) // which is what it returns (crypto/ed25519)
}

// fingerprint names an installation by its public key.
func fingerprint(key ed25519.PublicKey) string {
	digest := sha256.Sum256(key)
	return hex.EncodeToString(digest[:8])
}

// Verify reads a signed report, as JSON in whatever layout or as a page, and tells whether this installation signed it and
// nobody has changed it since. It works on the text, so a report of an earlier version is verified by a later one too; of a
// page it is also compared what it shows.
func Verify(d *sealed.DB, text []byte) (Report, error) {
	inside, isPage := unpage(text)
	r, err := verify(d, inside)
	if err == nil && isPage && !bytes.Equal(draw(r, inside), text) {
		err = errRedrawn
	}
	return r, err
}

func verify(d *sealed.DB, text []byte) (Report, error) {
	r, signed, err := split(text)
	if err != nil {
		return Report{}, err
	}
	keys, err := sealed.SigningKeys(d)
	if err != nil {
		return Report{}, err
	}
	signature, err := base64.StdEncoding.DecodeString(r.Signature.Value)
	if err != nil {
		return Report{}, errChanged
	}
	for _, k := range keys {
		if base64.StdEncoding.EncodeToString(publicKey(k)) != r.Signature.Key {
			continue
		}
		if !ed25519.Verify(publicKey(k), signed, signature) {
			return Report{}, errChanged
		}
		return r, nil
	}
	return Report{}, errForeignKey
}

// split reads a report and returns the text that its signature covers.
func split(text []byte) (r Report, signed []byte, err error) {
	var compact bytes.Buffer
	if json.Compact(&compact, text) != nil || json.Unmarshal(text, &r) != nil {
		return r, nil, errNotReport
	}
	if r.Signature == nil {
		return r, nil, errUnsigned
	}
	// The signature is the last member, or whatever follows it would replace what was signed.
	tail, err := json.Marshal(r.Signature)
	if err != nil {
		return r, nil, errNotReport
	}
	signed, found := bytes.CutSuffix(compact.Bytes(), fmt.Appendf(nil, `,"signature":%s}`, tail))
	if !found {
		return r, nil, errChanged
	}
	return r, append(signed, '}'), nil
}
