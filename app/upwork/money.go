package upwork

import (
	"errors"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// maxCents is the largest amount that is believed: ten billion dollars.
const maxCents = 1_000_000_000_000

// Why a value is not used.
var (
	errUnreadable = errors.New("was not understood")
	errForeign    = errors.New("is not in US dollars")
	errTooLarge   = errors.New("is too large")
)

// pay is an amount or a range of amounts in US cents. Both ends are the same for a single amount; low is nil for
// "up to $50". Floor marks a lower bound, as "$10K+".
type pay struct {
	low, high *int64
	floor     bool
}

var (
	payToken = regexp.MustCompile(`[0-9][0-9.,]*(?:e[+-]?[0-9]+)?|\p{L}+|\S`)
	scales   = map[string]int64{"k": 1e3, "thousand": 1e3, "m": 1e6, "mm": 1e6, "million": 1e6, "b": 1e9, "bn": 1e9, "billion": 1e9}
	payNoise = words("$ us usd dollar dollars - – — ~ : / . to and from between hourly fixed price rate budget est estimated " +
		"hr hour hours per an avg average paid spent total amount")
	payFloor   = words("+ plus over more than at least min minimum")
	payCeiling = words("up less under below max maximum")
	currencies = words("€ £ ¥ ₹ ₽ ₩ ₺ ₴ eur euro euros gbp cad aud inr jpy cny rub chf sek nok dkk pln brl try uah ils zar sgd hkd nzd pkr php ngn")
)

func words(s string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(s) {
		set[w] = true
	}
	return set
}

// parsePay reads "$1,234.50", "45 - 70 USD", "$10K+", "$80K+ spent", "Hourly: $45.00 - $70.00" or "84210.0". The ends of
// a range come back in order. It returns errUnreadable, errForeign or errTooLarge.
func parsePay(s string) (pay, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	if strings.HasPrefix(s, "-") || len(s) > 200 {
		return pay{}, errUnreadable
	}
	var found payWords
	for _, token := range payToken.FindAllString(s, -1) {
		if err := found.add(token); err != nil {
			return pay{}, err
		}
	}
	return found.pay()
}

// payWords is what a text about money says so far.
type payWords struct {
	cents                   []int64
	digits                  string // of the last number, while a scale may follow
	floor, ceiling, foreign bool
}

func (p *payWords) add(token string) error {
	if token[0] >= '0' && token[0] <= '9' {
		cents, err := decimal(token, 1)
		p.cents, p.digits = append(p.cents, cents), token
		return err
	}
	if scale, ok := scales[token]; ok && p.digits != "" {
		cents, err := decimal(p.digits, scale)
		p.cents[len(p.cents)-1], p.digits = cents, ""
		return err
	}
	p.digits = ""
	switch {
	case payCeiling[token]:
		p.ceiling = true
	case payFloor[token]:
		p.floor = true
	case currencies[token]:
		p.foreign = true
	case !payNoise[token]:
		return errUnreadable
	}
	return nil
}

func (p *payWords) pay() (pay, error) {
	switch {
	case len(p.cents) == 0 || len(p.cents) > 2:
		return pay{}, errUnreadable
	case p.foreign:
		return pay{}, errForeign
	}
	low, high := p.cents[0], p.cents[len(p.cents)-1]
	if low > high {
		low, high = high, low
	}
	if p.ceiling && len(p.cents) == 1 { // "less than" also has a word of a floor
		return pay{high: &high}, nil
	}
	return pay{low: &low, high: &high, floor: p.floor && !p.ceiling}, nil
}

// decimal reads a number without sign as hundredths, rounded half up, after multiplying it with scale. It knows
// "1,234.50", "1.234,50", "12,34,567" and "45,5"; a single dot is always a decimal point.
func decimal(s string, scale int64) (int64, error) {
	plain, err := plainNumber(s)
	if err != nil {
		return 0, err
	}
	whole, fraction, _ := strings.Cut(plain, ".")
	whole = strings.TrimLeft(whole, "0")
	if len(whole) > 13 {
		return 0, errTooLarge
	}
	r, ok := new(big.Rat).SetString("0" + whole + "." + fraction[:min(len(fraction), 9)] + "0")
	if !ok {
		return 0, errUnreadable
	}
	r.Mul(r, new(big.Rat).SetInt64(200*scale))
	r.Add(r, big.NewRat(1, 1))
	half := new(big.Int).Quo(r.Num(), new(big.Int).Mul(r.Denom(), big.NewInt(2)))
	if !half.IsInt64() || half.Int64() > maxCents {
		return 0, errTooLarge
	}
	return half.Int64(), nil
}

var (
	commaGroups = regexp.MustCompile(`^\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d*)?$`)
	dotGroups   = regexp.MustCompile(`^\d{1,3}(?:\.\d{3})+,\d+$|^\d{1,3}(?:\.\d{3}){2,}$`)
	onePoint    = regexp.MustCompile(`^\d+(?:\.\d*)?$`)
	oneComma    = regexp.MustCompile(`^\d+,\d{1,2}$`)
)

// plainNumber rewrites a number with digits and at most one point.
func plainNumber(s string) (string, error) {
	if strings.Contains(s, "e") {
		return exponent(s)
	}
	s = strings.TrimRight(s, ".,")
	switch {
	case onePoint.MatchString(s):
		return s, nil
	case commaGroups.MatchString(s):
		return strings.ReplaceAll(s, ",", ""), nil
	case dotGroups.MatchString(s):
		return strings.Replace(strings.ReplaceAll(s, ".", ""), ",", ".", 1), nil
	case oneComma.MatchString(s):
		return strings.Replace(s, ",", ".", 1), nil
	}
	return "", errUnreadable
}

// exponent rewrites "1.5e+3", as JSON and Python write large numbers.
func exponent(s string) (string, error) {
	f, err := strconv.ParseFloat(s, 64)
	switch {
	case errors.Is(err, strconv.ErrRange) || f > maxCents:
		return "", errTooLarge
	case err != nil:
		return "", errUnreadable
	}
	return strconv.FormatFloat(f, 'f', -1, 64), nil
}
