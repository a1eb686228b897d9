# The world switch of riscv64: u64 hv_riscv64_enter(Context *ctx)
#
# a0 = the vCPU's context. Runs the guest until it traps to HS-mode. The caller has interrupts off
# and finds scause, stval, htval and htinst as the trap left them.
#
# Callee-saved registers, gp and tp of the host are kept in the context, not on the stack, so that
# the stack pointer is the guest's from the first load on.

.section .text
# Pages of its own: QEMU runs the code of a page that has a breakpoint on it an instruction at a time.
.balign 4096
.type hv_riscv64_enter, @function
.globl hv_riscv64_enter
hv_riscv64_enter:
    sd      ra,  {host} + 0*8(a0)
    sd      sp,  {host} + 1*8(a0)
    sd      gp,  {host} + 2*8(a0)
    sd      tp,  {host} + 3*8(a0)
    sd      s0,  {host} + 4*8(a0)
    sd      s1,  {host} + 5*8(a0)
    sd      s2,  {host} + 6*8(a0)
    sd      s3,  {host} + 7*8(a0)
    sd      s4,  {host} + 8*8(a0)
    sd      s5,  {host} + 9*8(a0)
    sd      s6,  {host} + 10*8(a0)
    sd      s7,  {host} + 11*8(a0)
    sd      s8,  {host} + 12*8(a0)
    sd      s9,  {host} + 13*8(a0)
    sd      s10, {host} + 14*8(a0)
    sd      s11, {host} + 15*8(a0)

    # Swap the CSRs; the trap of the guest will find the context in sscratch.
    la      t0, hv_riscv64_leave
    csrrw   t0, stvec, t0
    sd      t0, {host_stvec}(a0)
    csrrw   t0, sscratch, a0
    sd      t0, {host_sscratch}(a0)
    ld      t0, {guest_sstatus}(a0)
    csrrw   t0, sstatus, t0
    sd      t0, {host_sstatus}(a0)
    ld      t0, {guest_hstatus}(a0)
    csrrw   t0, hstatus, t0
    sd      t0, {host_hstatus}(a0)
    ld      t0, {guest_sepc}(a0)
    csrw    sepc, t0

    ld      x1,  {guest} + 1*8(a0)
    ld      x2,  {guest} + 2*8(a0)
    ld      x3,  {guest} + 3*8(a0)
    ld      x4,  {guest} + 4*8(a0)
    ld      x5,  {guest} + 5*8(a0)
    ld      x6,  {guest} + 6*8(a0)
    ld      x7,  {guest} + 7*8(a0)
    ld      x8,  {guest} + 8*8(a0)
    ld      x9,  {guest} + 9*8(a0)
    ld      x11, {guest} + 11*8(a0)
    ld      x12, {guest} + 12*8(a0)
    ld      x13, {guest} + 13*8(a0)
    ld      x14, {guest} + 14*8(a0)
    ld      x15, {guest} + 15*8(a0)
    ld      x16, {guest} + 16*8(a0)
    ld      x17, {guest} + 17*8(a0)
    ld      x18, {guest} + 18*8(a0)
    ld      x19, {guest} + 19*8(a0)
    ld      x20, {guest} + 20*8(a0)
    ld      x21, {guest} + 21*8(a0)
    ld      x22, {guest} + 22*8(a0)
    ld      x23, {guest} + 23*8(a0)
    ld      x24, {guest} + 24*8(a0)
    ld      x25, {guest} + 25*8(a0)
    ld      x26, {guest} + 26*8(a0)
    ld      x27, {guest} + 27*8(a0)
    ld      x28, {guest} + 28*8(a0)
    ld      x29, {guest} + 29*8(a0)
    ld      x30, {guest} + 30*8(a0)
    ld      x31, {guest} + 31*8(a0)
    ld      x10, {guest} + 10*8(a0)
# Who looks at the machine from outside finds the guest's state in the CPU here.
.globl hv_guest_entry
hv_guest_entry:
    sret

# Every trap of the guest that is not delegated to it arrives here. stvec's low bits are its mode,
# so the address is a multiple of 4.
.p2align 2
hv_riscv64_leave:
    csrrw   a0, sscratch, a0
    sd      x1,  {guest} + 1*8(a0)
    sd      x2,  {guest} + 2*8(a0)
    sd      x3,  {guest} + 3*8(a0)
    sd      x4,  {guest} + 4*8(a0)
    sd      x5,  {guest} + 5*8(a0)
    sd      x6,  {guest} + 6*8(a0)
    sd      x7,  {guest} + 7*8(a0)
    sd      x8,  {guest} + 8*8(a0)
    sd      x9,  {guest} + 9*8(a0)
    sd      x11, {guest} + 11*8(a0)
    sd      x12, {guest} + 12*8(a0)
    sd      x13, {guest} + 13*8(a0)
    sd      x14, {guest} + 14*8(a0)
    sd      x15, {guest} + 15*8(a0)
    sd      x16, {guest} + 16*8(a0)
    sd      x17, {guest} + 17*8(a0)
    sd      x18, {guest} + 18*8(a0)
    sd      x19, {guest} + 19*8(a0)
    sd      x20, {guest} + 20*8(a0)
    sd      x21, {guest} + 21*8(a0)
    sd      x22, {guest} + 22*8(a0)
    sd      x23, {guest} + 23*8(a0)
    sd      x24, {guest} + 24*8(a0)
    sd      x25, {guest} + 25*8(a0)
    sd      x26, {guest} + 26*8(a0)
    sd      x27, {guest} + 27*8(a0)
    sd      x28, {guest} + 28*8(a0)
    sd      x29, {guest} + 29*8(a0)
    sd      x30, {guest} + 30*8(a0)
    sd      x31, {guest} + 31*8(a0)

    # The guest's a0 is in sscratch; the host's own sscratch goes back.
    ld      t0, {host_sscratch}(a0)
    csrrw   t0, sscratch, t0
    sd      t0,  {guest} + 10*8(a0)
    ld      t0, {host_stvec}(a0)
    csrw    stvec, t0
    ld      t0, {host_sstatus}(a0)
    csrrw   t0, sstatus, t0
    sd      t0, {guest_sstatus}(a0)
    ld      t0, {host_hstatus}(a0)
    csrrw   t0, hstatus, t0
    sd      t0, {guest_hstatus}(a0)
    csrr    t0, sepc
    sd      t0, {guest_sepc}(a0)

    ld      ra,  {host} + 0*8(a0)
    ld      sp,  {host} + 1*8(a0)
    ld      gp,  {host} + 2*8(a0)
    ld      tp,  {host} + 3*8(a0)
    ld      s0,  {host} + 4*8(a0)
    ld      s1,  {host} + 5*8(a0)
    ld      s2,  {host} + 6*8(a0)
    ld      s3,  {host} + 7*8(a0)
    ld      s4,  {host} + 8*8(a0)
    ld      s5,  {host} + 9*8(a0)
    ld      s6,  {host} + 10*8(a0)
    ld      s7,  {host} + 11*8(a0)
    ld      s8,  {host} + 12*8(a0)
    ld      s9,  {host} + 13*8(a0)
    ld      s10, {host} + 14*8(a0)
    ld      s11, {host} + 15*8(a0)
    ret
.size hv_riscv64_enter, . - hv_riscv64_enter

# Where a guest's memory and its tables are about to be given back. On another page than the switch: who looks at the
# machine from outside waits here for as long as the guest runs.
.balign 4096
.type hv_guest_release, @function
.globl hv_guest_release
hv_guest_release:
    ret
.size hv_guest_release, . - hv_guest_release
.balign 4096
