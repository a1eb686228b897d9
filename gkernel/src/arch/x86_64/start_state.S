# The registers as the guest's first instruction finds them, into `guest_start_state`: words in the order of
# `NAMES`, then the environment of the x87 unit; and an FXSAVE area. Only RAX is changed.

.macro KEEP register, n
    mov     [rip + guest_start_state + 8 * \n], \register
.endm
.macro KEEP_BY_RAX register, n
    mov     rax, \register
    KEEP    rax, \n
.endm

.section .text
.global guest_keep_start_state
guest_keep_start_state:
    KEEP    rax, 0
    KEEP    rbx, 1
    KEEP    rcx, 2
    KEEP    rdx, 3
    KEEP    rsi, 4
    KEEP    rdi, 5
    KEEP    rbp, 6
    KEEP    rsp, 7
    KEEP    r8, 8
    KEEP    r9, 9
    KEEP    r10, 10
    KEEP    r11, 11
    KEEP    r12, 12
    KEEP    r13, 13
    KEEP    r14, 14
    KEEP    r15, 15
    pushfq
    pop     rax
    KEEP    rax, 16
    KEEP_BY_RAX cr0, 17
    KEEP_BY_RAX cr2, 18
    KEEP_BY_RAX cr3, 19
    KEEP_BY_RAX cr4, 20
    KEEP_BY_RAX cr8, 21
    KEEP_BY_RAX dr0, 22
    KEEP_BY_RAX dr1, 23
    KEEP_BY_RAX dr2, 24
    KEEP_BY_RAX dr3, 25
    KEEP_BY_RAX dr6, 26
    KEEP_BY_RAX dr7, 27
    KEEP_BY_RAX ds, 28
    KEEP_BY_RAX es, 29
    KEEP_BY_RAX fs, 30
    KEEP_BY_RAX gs, 31
    KEEP_BY_RAX ss, 32
    xor     eax, eax
    str     ax
    KEEP    rax, 33
    sldt    ax
    KEEP    rax, 34
    sub     rsp, 16
    mov     qword ptr [rsp], 0
    sgdt    [rsp]
    movzx   eax, word ptr [rsp]
    KEEP    rax, 35
    sidt    [rsp]
    movzx   eax, word ptr [rsp]
    KEEP    rax, 36
    add     rsp, 16
    fxsave64 [rip + guest_start_fxsave]
    fnstenv [rip + guest_start_state + 8 * 37]
    jmp     guest_start_state_is_kept
