package isolation

// What the tests of this package reach from outside it.

// Sign is sign.
var Sign = (*Report).sign

// CanaryID is canaryID.
var CanaryID = canaryID
