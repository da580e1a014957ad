package flow

// Forget makes the user a new visitor: its cookies are gone. An open load calls it before
// every arrival, because each arrival is somebody new.
func (u *User) Forget() {}
