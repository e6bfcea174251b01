package identity

import "testing"

// What a hospital posts as a key is looked at before anybody seals to it. Zeros
// are a point of low order, which the library refuses only when it is used.
func TestCheckKey(t *testing.T) {
	s := Sealer{}
	_, public, err := s.NewKey()
	if err != nil || s.CheckKey(public) != nil {
		t.Fatalf("a key is refused: %v, %v", err, s.CheckKey(public))
	}
	lowOrder := append([]byte(nil), public...)
	clear(lowOrder[len(public)-32:])
	outOfRange := append([]byte(nil), public...)
	outOfRange[0], outOfRange[1] = 0xff, 0xff // a coefficient above 3329
	for what, key := range map[string][]byte{
		"nothing": nil, "short": public[1:], "long": append(public[:len(public):len(public)], 0), "a point of low order": lowOrder, "a coefficient out of range": outOfRange,
	} {
		if s.CheckKey(key) == nil {
			t.Errorf("%s passes for a key", what)
		}
		if _, _, err := s.Seal(key, nil); err == nil {
			t.Errorf("%s is sealed to", what)
		}
	}
}
