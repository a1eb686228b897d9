# The world switch of x86_64:
#     void hv_x86_64_enter(GuestRegs *regs, u64 guest_vmcb, u64 host_vmcb)
#
# rdi = the guest's registers, rsi = host-physical address of its VMCB, rdx = host-physical address
# of a VMCB for the host's FS, GS, TR, LDTR and system-call MSRs, which VMRUN does not switch
# (APM vol. 2 §15.5.2). Runs the guest until its next #VMEXIT. RAX, RSP, RIP and RFLAGS are in the
# VMCB; all other general-purpose registers go by software. Interrupts are off when it is called, and on when it
# returns.
#
# Stack while the guest runs (the host's RSP comes back by itself):
#     [rsp] guest_vmcb   [rsp + 8] host_vmcb   [rsp + 16] regs   then the callee-saved registers

.section .text
# Pages of its own: QEMU runs the code of a page that has a breakpoint on it an instruction at a time.
.balign 4096
.type hv_x86_64_enter, @function
.globl hv_x86_64_enter
hv_x86_64_enter:
    push    rbx
    push    rbp
    push    r12
    push    r13
    push    r14
    push    r15
    push    rdi
    push    rdx
    push    rsi

    # With the global interrupt flag clear nothing interrupts the switch itself. RFLAGS.IF of the
    # host is set, or interrupts would stay masked while the guest runs (§15.21.1). One that came since the
    # caller looked at the guest's timer ends the guest's turn at once.
    clgi
    sti
    mov     rax, rdx
    vmsave  rax
    mov     rax, rsi
    vmload  rax

    mov     rbx, [rdi + {rbx}]
    mov     rcx, [rdi + {rcx}]
    mov     rdx, [rdi + {rdx}]
    mov     rsi, [rdi + {rsi}]
    mov     rbp, [rdi + {rbp}]
    mov     r8,  [rdi + {r8}]
    mov     r9,  [rdi + {r9}]
    mov     r10, [rdi + {r10}]
    mov     r11, [rdi + {r11}]
    mov     r12, [rdi + {r12}]
    mov     r13, [rdi + {r13}]
    mov     r14, [rdi + {r14}]
    mov     r15, [rdi + {r15}]
    mov     rdi, [rdi + {rdi}]

    # rax is still the guest's VMCB, and is again after the exit.
    # Who looks at the machine from outside finds the guest's VMCB in rax here.
.globl hv_guest_entry
hv_guest_entry:
    vmrun   rax
    vmsave  rax

    push    rdi
    mov     rdi, [rsp + 24]
    pop     qword ptr [rdi + {rdi}]
    mov     [rdi + {rbx}], rbx
    mov     [rdi + {rcx}], rcx
    mov     [rdi + {rdx}], rdx
    mov     [rdi + {rsi}], rsi
    mov     [rdi + {rbp}], rbp
    mov     [rdi + {r8}],  r8
    mov     [rdi + {r9}],  r9
    mov     [rdi + {r10}], r10
    mov     [rdi + {r11}], r11
    mov     [rdi + {r12}], r12
    mov     [rdi + {r13}], r13
    mov     [rdi + {r14}], r14
    mov     [rdi + {r15}], r15

    # With all of the host's state back, a pending interrupt is taken.
    pop     rsi
    pop     rax
    vmload  rax
    stgi
    pop     rdi
    pop     r15
    pop     r14
    pop     r13
    pop     r12
    pop     rbp
    pop     rbx
    ret
.size hv_x86_64_enter, . - hv_x86_64_enter

# Where a guest's memory and its tables are about to be given back. On another page than the switch: who looks at the
# machine from outside waits here for as long as the guest runs.
.balign 4096
.type hv_guest_release, @function
.globl hv_guest_release
hv_guest_release:
    ret
.size hv_guest_release, . - hv_guest_release
.balign 4096
